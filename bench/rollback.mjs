// What it costs a test to leave no trace: rolled back, or with all tables truncated after it. The test is one unit of
// work that stores three rows. `node bench/rollback.mjs [rounds]`, on the server of DATABASE_URL or else on one of its
// own; build the library and run `npm install` in bench/ before.
import { defineEntity, p } from '@mikro-orm/core';
import { engineOptions, MikroOrmEngineFactory, MikroOrmRepository, MikroOrmUnitOfWork } from 'mikro-orm-uow';
import { RollbackEngineFactory } from 'mikro-orm-uow/testing';
import { median } from './report/statistics.mjs';
import { withDatabase } from './support/database.mjs';

const rounds = Number(process.argv[2] ?? 10);
const testsARound = 20;

console.log('tables  nothing undone  rolled back  truncated   truncated : rolled back');
for (const tables of [10, 50]) {
  await withDatabase(async (dsn) => {
    const entities = Array.from({ length: tables }, (_, index) =>
      defineEntity({ name: `Item${index + 1}`, properties: { id: p.integer().primary(), text: p.string() } }),
    );
    const engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 2 }, { entities }));
    try {
      console.log(await measure(engineFactory, entities));
    } finally {
      await engineFactory.dispose();
    }
  });
}

async function measure(engineFactory, entities) {
  const orm = await engineFactory.create();
  await orm.schema.create();

  const repositories = entities.slice(0, 3).map(
    (entity) =>
      class extends MikroOrmRepository {
        entity = entity;
      },
  );
  const UnitOfWork = MikroOrmUnitOfWork.of(
    Object.fromEntries(repositories.map((each, index) => [`item${index}`, each])),
  );
  const test = async (uow) => {
    await uow.run(async (u) => {
      for (const index of repositories.keys()) {
        await u[`item${index}`].create({ text: 'a row' });
      }
    });
  };

  const rollback = new RollbackEngineFactory(engineFactory);
  const [uow, enclosed] = [new UnitOfWork(engineFactory), new UnitOfWork(rollback)];
  const names = [...orm.getMetadata().getAll().values()].map((meta) => `"${meta.tableName}"`).join(', ');
  const ways = {
    nothing: () => test(uow),
    rollback: async () => {
      await rollback.start();
      await test(enclosed);
      await rollback.rollback();
    },
    truncate: async () => {
      await test(uow);
      await orm.em.fork().execute(`truncate ${names} restart identity cascade`);
    },
  };
  const times = { nothing: [], rollback: [], truncate: [] };
  for (let round = -1; round < rounds; round += 1) {
    for (const [way, run] of Object.entries(ways)) {
      for (let index = 0; index < testsARound; index += 1) {
        const start = performance.now();
        await run();
        if (round >= 0) {
          times[way].push(performance.now() - start); // the first round warms up
        }
      }
    }
  }
  const [nothing, rolledBack, truncated] = Object.values(times).map(median);
  const ms = (value, width) => `${value.toFixed(2)} ms`.padStart(width);
  const ratio = `${(truncated / rolledBack).toFixed(1)} : 1`.padStart(26);
  return `${String(entities.length).padStart(6)}${ms(nothing, 16)}${ms(rolledBack, 13)}${ms(truncated, 11)}${ratio}`;
}
