export { UnitOfWorkPgliteConnection } from './pglite-connection.js';
export { UnitOfWorkPgliteDriver } from './pglite-driver.js';
