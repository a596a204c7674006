// MikroORM's em.fork().transactional() on this library's driver, without its units of work: what the driver alone does.
import { UnitOfWorkPostgreSqlDriver } from 'mikro-orm-uow/postgresql';
import { open as openMikroOrm } from './mikro-orm.mjs';

export const open = (options) => openMikroOrm({ ...options, driver: UnitOfWorkPostgreSqlDriver });
