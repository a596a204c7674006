// How much of a unit of work, all of it garbage, collections of young objects keep: `node --expose-gc bench/upstream/survivors.mjs`,
// before and after the patches beside this file.
import { setImmediate as turn } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/core';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { UnitOfWorkPostgreSqlDriver } from 'mikro-orm-uow/postgresql';
import { OwnServer } from '../../dist/test/support/own-server.js';
import { Account } from '../peers/schema/mikro-orm.mjs';

const units = 300;
const server = await OwnServer.start();
try {
  for (const driver of [PostgreSqlDriver, UnitOfWorkPostgreSqlDriver]) {
    const orm = await MikroORM.init({ driver, clientUrl: server.url, entities: [Account] });
    console.log(
      `${driver.name}: ${await keptBy(() => orm.em.fork().transactional(async (em) => em.execute('select 1')))} bytes a unit`,
    );
    await orm.close();
  }
} finally {
  await server.stop();
}

async function keptBy(unit) {
  await repeat(1_000, unit);
  await collect(2, 'major');
  const before = process.memoryUsage().heapUsed;
  await repeat(units, unit);
  await collect(3, 'minor');
  return Math.round((process.memoryUsage().heapUsed - before) / units);
}

async function repeat(times, work) {
  for (let done = 0; done < times; done += 1) {
    await work();
  }
}

async function collect(times, type) {
  for (let done = 0; done < times; done += 1) {
    await turn();
    globalThis.gc({ type });
  }
}
