export { UnitOfWorkPostgreSqlConnection } from './kysely/connection.js';
export { UnitOfWorkPostgreSqlDriver } from './kysely/driver.js';
