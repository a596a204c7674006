// The driver, where nothing else is installed than what README says; no server answers at this address.
import assert from 'node:assert/strict';
import { engineOptions, MikroOrmEngineFactory, MikroOrmUnitOfWork, postgresConfig } from 'mikro-orm-uow';
import { UnitOfWorkPostgreSqlDriver } from 'mikro-orm-uow/postgresql';

const config = postgresConfig({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1' });
const options = engineOptions(config, { entities: [], discovery: { warnWhenNoEntities: false } });
const { driver } = await options;
assert.equal(driver, UnitOfWorkPostgreSqlDriver);

const engineFactory = new MikroOrmEngineFactory(options);
const uow = new (MikroOrmUnitOfWork.of({}))(engineFactory);
await assert.rejects(
  uow.run((u) => u.session.getConnection().execute('select 1', [], 'all', u.session.getTransactionContext())),
  (error) => /ECONNREFUSED/.test(String(error.cause?.message ?? error.message)),
);
await engineFactory.dispose();
