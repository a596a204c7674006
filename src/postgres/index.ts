export { UnitOfWorkPostgreSqlConnection } from './connection.js';
export { UnitOfWorkPostgreSqlDriver } from './driver.js';
