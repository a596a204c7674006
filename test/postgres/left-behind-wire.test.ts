import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { CompiledQuery, type DatabaseConnection } from 'kysely';
import type { Pool } from 'pg';
import { ConfigurationError, engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { type Bank, useBank } from '../support/bank-database.js';
import { query } from '../support/database.js';
import { PgBouncer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { describeWith } from '../support/server/programs.js';
import { serverUrl } from '../support/server-url.js';

type Options = NonNullable<Parameters<Bank['options']>[0]>;

/** One connection, and the unit of work on it. */
async function onOneConnection<T>(
  bank: Bank,
  options: Options,
  work: (uow: BankUnitOfWork, engineFactory: MikroOrmEngineFactory) => Promise<T>,
): Promise<T> {
  await using engineFactory = new MikroOrmEngineFactory(bank.options(options, 1));
  return await work(new BankUnitOfWork(engineFactory), engineFactory);
}

const ask = (uow: BankUnitOfWork, expression: string): Promise<unknown> =>
  uow.run(async (u) => {
    const [row] = await u.session.execute<{ value: unknown }[]>(`select ${expression} as value`);
    return row?.value;
  });

const execute = (uow: BankUnitOfWork, sql: string): Promise<unknown> => uow.run((u) => u.session.execute(sql));

const NAME_AND_ENCODING = [
  "select pg_catalog.set_config('client_encoding', 'utf8', false)",
  "select pg_catalog.set_config('application_name', 'bank', false)",
];
const OWN_LOCKS = `(select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())`;
const SETTINGS = ['set session authorization default', 'reset role', 'reset all'];

describe('promise 31: what is put back travels with COMMIT', () => {
  const bank = useBank('postgresql');
  const named: Options = { driverOptions: { application_name: 'bank' } };
  const sent = (): string[] => bank.sql().map((sql) => sql.toLowerCase());
  const afterwards = (how: string): string[] => sent().slice(sent().lastIndexOf(how));

  it('promise 20: at no round trip, and only what may have been left', () =>
    onOneConnection(bank, named, async (uow) => {
      await execute(uow, 'select 1');
      bank.forget();
      await execute(uow, 'set lock_timeout to 4321');
      expect(bank.proxy.roundTrips(), 'the statement, and COMMIT').to.equal(2);
      expect(afterwards('commit')).to.deep.equal(['commit', ...SETTINGS, ...NAME_AND_ENCODING]);

      bank.forget();
      await execute(uow, 'create temp table left_here ()');
      expect(bank.proxy.roundTrips()).to.equal(2);
      expect(afterwards('commit')).to.deep.equal(['commit', 'discard temp']);
    }));

  it('promise 20: with ROLLBACK, too', () =>
    onOneConnection(bank, named, async (uow) => {
      await execute(uow, 'select 1');
      bank.forget();
      await uow.run(async (u) => {
        await u.session.execute('select pg_advisory_lock(42)');
        await u.rollback();
      });
      expect(bank.proxy.roundTrips()).to.equal(2);
      expect(afterwards('rollback')).to.deep.equal(['rollback', 'select pg_catalog.pg_advisory_unlock_all()']);
    }));

  it('promise 20: nothing is sent where nothing was left', () =>
    onOneConnection(bank, named, async (uow) => {
      await execute(uow, "set local lock_timeout to 4321; select set_config('app.tenant', '7', true)");
      await uow.run((u) => u.lock('a key'), { session: { variables: { 'app.tenant': 7 } } });
      await uow.run((u) => u.accounts.create({ owner: 'set temp table; listen' }), { readOnly: false });
      bank.forget();
      await uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.session.execute('set local lock_timeout to 4321');
      });
      expect(sent().at(-1)).to.equal('commit');
    }));

  it('once: the next unit sends what it is about', () =>
    onOneConnection(bank, named, async (uow) => {
      await execute(uow, 'listen a');
      bank.forget();
      await execute(uow, 'select 1');
      expect(afterwards('commit')).to.deep.equal(['commit']);
    }));

  it('what was asked for at connecting is there again', async () => {
    const driverOptions = { application_name: 'bank', options: '-c lock_timeout=1234 -c app.from_dsn=yes' };
    await onOneConnection(bank, { driverOptions }, async (uow) => {
      const state = `current_setting('application_name') || current_setting('lock_timeout') || current_setting('app.from_dsn')`;
      const before = await ask(uow, state);
      expect(before).to.equal('bank1234msyes');
      await execute(uow, `set application_name = 'x'; set lock_timeout = 5; set app.from_dsn = 'no'`);
      expect(await ask(uow, state)).to.equal(before);
    });
  });

  it('what onCreateConnection has set is there again', async () => {
    let calls = 0;
    const onCreateConnection = async (connection: DatabaseConnection): Promise<void> => {
      calls += 1;
      await connection.executeQuery(CompiledQuery.raw(`set app.hook = 'set'`));
      await connection.executeQuery(CompiledQuery.raw('create temp table of_the_hook ()'));
    };
    await onOneConnection(bank, { onCreateConnection } as Options, async (uow) => {
      const state = `current_setting('app.hook') || pg_backend_pid() || to_regclass('of_the_hook')::text`;
      const before = await ask(uow, state);
      await execute(uow, `set app.hook = 'lost'; create temp table t ()`);
      expect(await ask(uow, state)).to.equal(before);
      await execute(uow, 'select 1');
      expect(calls).to.equal(2);
    });
  });

  it('where the pool itself sets connections up, the next unit has a new one', async () => {
    const onPoolCreated = (pool: Pool): void =>
      void pool.on('connect', (client) => void client.query(`set app.pool = 'set'`));
    await onOneConnection(bank, { driverOptions: { onPoolCreated } }, async (uow) => {
      const backend = await ask(uow, 'pg_backend_pid()');
      await execute(uow, `set app.pool = 'lost'`);
      expect(await ask(uow, `current_setting('app.pool')`)).to.equal('set');
      expect(await ask(uow, 'pg_backend_pid()')).not.to.equal(backend);
    });
  });

  it('promise 7: a COMMIT that fails is told, and what no rollback undoes is put back', async () => {
    await bank.rows('create table left_later (id int unique deferrable initially deferred)');
    try {
      await onOneConnection(bank, named, async (uow) => {
        const failed = uow.run((u) =>
          u.session.execute(
            'insert into left_later values (1), (1); select pg_advisory_lock(42); prepare left_here as select 1',
          ),
        );
        expect(await rejection(failed)).to.have.property('code', '23505');
        expect(await ask(uow, OWN_LOCKS)).to.equal(0);
        expect(await ask(uow, '(select count(*)::int from pg_prepared_statements)')).to.equal(0);
        expect(await bank.rows('select * from left_later')).to.deep.equal([]);
      });
    } finally {
      await bank.rows('drop table left_later');
    }
  });

  it('promise 7: an aborted transaction is told', () =>
    onOneConnection(bank, named, async (uow) => {
      const failed = uow.run(async (u) => {
        await u.session.execute('select pg_advisory_lock(42)');
        await u.session.execute('select 1/0').catch(() => {});
      });
      expect(await rejection(failed)).to.have.property('name', 'TransactionAbortedError');
      expect(await ask(uow, OWN_LOCKS)).to.equal(0);
    }));

  it('promise 8: a lost answer is settled', () =>
    onOneConnection(bank, named, async (uow) => {
      const lost = bank.proxy.loseReply(/^commit$/);
      await uow.run(async (u) => {
        await u.session.execute('set local synchronous_commit = on; set lock_timeout = 5');
        await u.accounts.create({ owner: 'Ada' });
      });
      await lost.struck;
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
      expect(await ask(uow, `current_setting('lock_timeout')`)).to.equal('0');
    }));

  it('promise 7: where putting back fails, what is stored is told, and the connection is closed', async () => {
    const role = `left_${randomBytes(6).toString('hex')}`;
    await query(serverUrl(), `create role ${role} login password 'x'`);
    try {
      await bank.rows(`grant all on account, account_id_seq to ${role}`);
      await bank.rows('revoke execute on function pg_catalog.pg_advisory_unlock_all() from public');
      const driverOptions = { user: role, password: 'x' };
      await onOneConnection(bank, { driverOptions }, async (uow) => {
        const backend = await ask(uow, 'pg_backend_pid()');
        await uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.session.execute('select pg_advisory_lock(42)');
        });
        expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
        expect(await ask(uow, 'pg_backend_pid()')).not.to.equal(backend);
      });
    } finally {
      await bank.rows('grant execute on function pg_catalog.pg_advisory_unlock_all() to public');
      await bank.rows(`drop owned by ${role}`);
      await query(serverUrl(), `drop role ${role}`);
    }
  });

  it('a seed for random numbers is nobody else’s', () =>
    onOneConnection(bank, named, async (uow) => {
      const drawn: unknown[] = [];
      for (let turn = 0; turn < 2; turn += 1) {
        await execute(uow, 'select setseed(0.25)');
        drawn.push(await ask(uow, 'random()'));
      }
      expect(drawn[0]).not.to.equal(drawn[1]);
    }));

  it('on a connection that somebody holds, it is his until he gives it back', () =>
    onOneConnection(bank, named, async (uow, engineFactory) => {
      const { em } = await engineFactory.create();
      const kysely = (em.fork() as unknown as import('@mikro-orm/sql').SqlEntityManager).getKysely();
      await kysely.connection().execute(async (held) => {
        const read = () => held.executeQuery(CompiledQuery.raw(`select current_setting('app.held', true) as value`));
        await held.executeQuery(CompiledQuery.raw(`set app.held = 'one'`));
        await held.transaction().execute((trx) => trx.executeQuery(CompiledQuery.raw(`set app.held = 'two'`)));
        expect((await read()).rows).to.deep.equal([{ value: 'two' }]);
      });
      expect(await ask(uow, `coalesce(current_setting('app.held', true), '')`)).to.equal('');
    }));

  describe('driverOptions.resetConnections', () => {
    before(() =>
      bank.rows(`create or replace function leave_unseen() returns int language plpgsql as
        $$ begin perform pg_catalog.set_config('app.unseen', '1', false); return 1; end $$`),
    );
    const state = `coalesce(current_setting('app.unseen', true), '')`;

    it("'when-seen': what a function leaves does not show in the text that calls it", () =>
      onOneConnection(bank, {}, async (uow) => {
        await ask(uow, 'leave_unseen()');
        expect(await ask(uow, state)).to.equal('1');
      }));

    it("'always': it is put back, too, at no round trip", () =>
      onOneConnection(bank, { driverOptions: { resetConnections: 'always' } }, async (uow) => {
        await execute(uow, 'select 1');
        bank.forget();
        await ask(uow, 'leave_unseen()');
        expect(bank.proxy.roundTrips()).to.equal(2);
        expect(await ask(uow, state)).to.equal('');
      }));

    it('anything else is refused', async () => {
      const refused = onOneConnection(bank, { driverOptions: { resetConnections: 'never' } }, (uow) => ask(uow, '1'));
      const error = await rejection(refused);
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).to.match(/resetConnections is 'when-seen' or 'always', not the string "never"/);
    });
  });
});

describeWith('pgbouncer', 'promise 29: what is left behind PgBouncer', function () {
  this.timeout(60_000);
  const bank = useBank('postgresql');
  let bouncer: PgBouncer;

  before(async () => {
    bouncer = await PgBouncer.start({ target: bank.proxy.url, poolSize: 1 });
  });
  after(() => bouncer?.stop());

  const client = (name: string): MikroOrmEngineFactory =>
    new MikroOrmEngineFactory(
      engineOptions({ dsn: bouncer.url, poolSize: 1 }, { entities, driverOptions: { application_name: name } }),
    );

  it('is put back before another client has the connection to the server', async () => {
    await using one = client('one');
    await using two = client('two');
    const [first, second] = [new BankUnitOfWork(one), new BankUnitOfWork(two)];
    const state = `concat_ws(' ', pg_backend_pid(), current_setting('app.tenant', true), current_setting('lock_timeout'),
      current_user, to_regclass('pg_temp.left_here'), ${OWN_LOCKS},
      (select count(*) from pg_prepared_statements where from_sql), (select count(*) from pg_listening_channels()))`;
    // a variable that was set once is empty from then on
    await execute(first, `set app.tenant = ''; listen a`);
    const before = await ask(second, state);
    await first.run(async (u) => {
      await u.session.execute(`set app.tenant = '7'; set lock_timeout = 77; create temp table left_here (); listen a`);
      await u.session.execute('select pg_advisory_lock(42); prepare left_here as select 1; set role pg_monitor');
    });
    expect(await ask(second, state), 'the same connection, as it was').to.equal(before);
  });

  it('each client keeps its name and its encoding', async () => {
    await using one = client('one');
    await using two = client('two');
    const [first, second] = [new BankUnitOfWork(one), new BankUnitOfWork(two)];
    const state = `current_setting('application_name') || ' ' || current_setting('client_encoding')`;
    await execute(first, `set application_name = 'other'; set client_encoding = 'LATIN1'`);
    expect(await ask(second, state)).to.equal('two UTF8');
    expect(await ask(first, state)).to.equal('one UTF8');
  });
});
