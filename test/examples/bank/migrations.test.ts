import { readdir } from 'node:fs/promises';
import type { Migrator } from '@mikro-orm/migrations';
import { expect } from 'chai';
import { MikroOrmEngineFactory } from 'mikro-orm-uow';
import { migrations } from '../../../examples/bank/migrations.js';
import { bankOptions } from '../../../mikro-orm.config.js';
import { createDatabase } from '../../support/database.js';

describe("the bank example's migrations", () => {
  it('are all in the list that the script runs', async () => {
    const files = await readdir(new URL('../../../../migrations/', import.meta.url));
    expect(migrations.map(({ name }) => `${name}.ts`)).to.deep.equal(files.sort());
  });

  it("lead to the entities' schema and back", async () => {
    await using database = await createDatabase();
    const options = await bankOptions({ DATABASE_URL: database.url });
    await using engineFactory = new MikroOrmEngineFactory({
      ...options,
      migrations: { ...options.migrations, migrationsList: migrations, silent: true },
    });
    const migrator = (await engineFactory.create()).migrator as Migrator;
    for (const direction of ['up', 'down', 'up'] as const) {
      await migrator[direction]();
      expect(await migrator.checkSchema()).to.equal(direction === 'down');
    }
  });
});
