import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChangeSetPersister, Collection, EntityLoader, wrap } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import pg from 'pg';
import { UnitOfWorkPostgreSqlDriver } from '../../src/postgres/index.js';
import { Account, entities } from '../support/bank.js';
import { installedVersion } from '../support/installed-version.js';
import { serverUrl } from '../support/server-url.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs/internals.md'), 'utf8');
/** The names in backquotes. */
const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
const rows = page
  .split('\n')
  .filter((line) => /^\| [A-Z]/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, holder = '', members = '', files = '']) => ({ holder, members: namesIn(members), files: namesIn(files) }));

describe('what the library leans on, by docs/internals.md', () => {
  let orm: MikroORM;
  let client: pg.Client;
  let holders: Record<string, () => object | Promise<object>>;

  before(async () => {
    orm = (await MikroORM.init({
      driver: UnitOfWorkPostgreSqlDriver,
      clientUrl: serverUrl(),
      entities,
    })) as unknown as MikroORM;
    const em = orm.em.fork();
    const pool = new pg.Pool({ connectionString: serverUrl() });
    client = new pg.Client({ connectionString: serverUrl(), pipeline: true } as pg.ClientConfig);
    await client.connect();
    const account = em.merge(Account, { id: 1, owner: 'ann' }, { schema: 'public' });
    const query = em.createQueryBuilder(Account);
    holders = {
      EntityManager: () => em,
      UnitOfWork: () => em.getUnitOfWork(),
      EntityFactory: () => em.getEntityFactory(),
      EntityLoader: () => EntityLoader.prototype,
      IdentityMap: () => em.getUnitOfWork().getIdentityMap(),
      ChangeSetPersister: () => ChangeSetPersister.prototype,
      Collection: () => Collection.prototype,
      EntityComparator: () => em.getComparator(),
      Hydrator: () => em.getHydrator(),
      WrappedEntity: () => wrap(account, true),
      Driver: () => em.getDriver(),
      QueryBuilder: () => query,
      QueryBuilderHelper: () => (query as unknown as { helper: object }).helper,
      PostgreSqlConnection: () => em.getConnection(),
      Transaction: async () => {
        const transaction = await em.getConnection().begin();
        await em.getConnection().rollback(transaction);
        return transaction;
      },
      Pool: () => pool,
      Client: () => client,
      Connection: () => (client as unknown as { connection: object }).connection,
      Query: () => new pg.Query('select 1'),
    };
  });
  after(async () => {
    await client?.end();
    await orm?.close();
  });

  it('there is a row for each', () => {
    expect(rows.length).to.be.greaterThan(15);
  });

  for (const { holder, members } of rows) {
    it(`${holder} has ${members.join(', ')}`, async () => {
      const object = await holders[holder]?.();
      expect(object, `no ${holder} in this test`).not.to.equal(undefined);
      for (const name of members) {
        expect(name in (object as object), `${holder} has no ${name}`).to.equal(true);
      }
    });
  }

  it('was checked with the versions that are installed, and the oldest MikroORM that is supported', () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const versions = ['pg', 'pg-pool', 'kysely'].map((name) => `${name} ${installedVersion(name)}`);
    for (const version of [...versions, `MikroORM ${peerDependencies['@mikro-orm/core'].replace('^', '')}`]) {
      expect(page).to.match(new RegExp(`\\b${version.replaceAll('.', '\\.')}\\b`));
    }
  });

  it('has every private member that src/ reaches for, in the files that it says', () => {
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const reached = files.flatMap((file) => {
      const source = readFileSync(join(root, 'src', file), 'utf8');
      return [...source.matchAll(/(?:this|\w|\))\['([a-z]\w+)'\]\(|\.prototype\['([a-z]\w+)'\]/g)].map(
        ([, called, taken]) => ({
          file,
          name: called ?? (taken as string),
        }),
      );
    });
    expect(reached.length).to.be.greaterThan(5);
    const isListed = ({ file, name }: { file: string; name: string }) =>
      rows.some(({ members, files: where }) => members.includes(name) && where.some((path) => file.startsWith(path)));
    expect(reached.filter((one) => !isListed(one))).to.deep.equal([]);
    for (const { members, files: where } of rows) {
      const sources = files
        .filter((file) => where.some((path) => file.startsWith(path)))
        .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
        .join('\n');
      for (const name of members) {
        expect(sources.includes(name), `${name} is not in ${where.join(', ')}`).to.equal(true);
      }
    }
  });
});
