import { expect } from 'chai';
import pg from 'pg';
import { CommitOutcomeUnknownError, TransactionAbortedError } from '../../src/errors.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import {
  Account,
  accountDatabase,
  type Engine,
  expectNothingHeld,
  ours,
  owners,
  type Session,
  stock,
} from './setup.js';

const isQuestion = (sql: string): boolean => sql.includes('pg_current_xact_id');
const isolated = (isolationLevel: string) => ({ isolationLevel: isolationLevel as never });

describe('the question for the transaction’s id changes nothing of what the transaction sees', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  const engines = {} as { ours: Engine; stock: Engine };

  before(async () => {
    database = await accountDatabase();
    await query(database.url, 'create table a (id int); create table b (id int)');
    proxy = await startProxy(database.url);
    engines.ours = ours(proxy.url);
    engines.stock = stock(proxy.url);
    await engines.ours.em.fork().execute('select 1');
  });
  beforeEach(() => proxy.reset());
  afterEach(() => query(database.url, 'truncate a, b, account'));
  after(async () => {
    await engines.ours.close();
    await engines.stock.close();
    await proxy.close();
    await database.drop();
  });

  for (const name of ['stock', 'ours'] as const) {
    for (const level of ['repeatable read', 'serializable']) {
      it(`promise 1: at ${level}, a lock that is waited for comes before the snapshot (${name})`, async () => {
        const writer = new pg.Client(database.url);
        await writer.connect();
        await writer.query('begin; lock table b in exclusive mode; insert into b values (1)');
        const counted = engines[name].em.fork().transactional(async (em) => {
          await em.execute('lock table a');
          await Promise.all([em.execute('/* wait */ lock table b'), writer.query('commit')]);
          return em.execute('select count(*)::int as count from b');
        }, isolated(level));
        expect(await counted).to.deep.equal([{ count: 1 }]);
        await writer.end();
      });
    }

    it(`promise 1: settings may be changed one after the other (${name})`, async () => {
      const settings = await engines[name].em.fork().transactional(async (em) => {
        await em.execute('set transaction isolation level repeatable read');
        await em.execute("set local application_name = 'x'");
        await em.execute('reset application_name');
        await em.execute('show transaction_isolation');
        await em.execute('set constraints all deferred');
        await em.execute('listen somebody');
        await em.execute('savepoint mine; release savepoint mine');
        await em.execute('-- nothing');
        await em.execute('set transaction isolation level serializable');
        return em.execute('show transaction_isolation');
      });
      expect(settings).to.deep.equal([{ transaction_isolation: 'serializable' }]);
    });
  }

  // each of these may write, and the id has to be known before COMMIT
  const writes: Readonly<Record<string, (em: Session) => Promise<unknown>>> = {
    insert: (em) => em.execute("insert into account (owner) values ('x')"),
    'with a query in front': (em) =>
      em.execute("with x as (insert into account (owner) values ('x') returning 1) select * from x"),
    'in brackets': (em) => em.execute('(select note())'),
    'a block': (em) => em.execute('do $$ begin perform note(); end $$'),
    'a procedure': (em) => em.execute('call notes()'),
    'prepared by name': async (em) => {
      await em.execute("prepare p as insert into account (owner) values ('x')");
      await em.execute('execute p');
      await em.execute('deallocate p');
    },
    'a cursor whose rows write': async (em) => {
      await em.execute('declare c cursor for select note()');
      await em.execute('fetch all from c');
    },
    'behind locks, in one text': (em) => em.execute("lock table a; insert into account (owner) values ('x'); show all"),
    explained: (em) => em.execute("explain analyze insert into account (owner) values ('x')"),
    'a stream': async (em) => {
      await em.execute('select 1');
      for await (const row of em
        .getKysely()
        .selectNoFrom((eb) => eb.fn('note').as('note'))
        .stream()) {
        expect(row).to.deep.equal({ note: '' });
      }
    },
  };

  describe('and is asked with all that may write', () => {
    before(() =>
      query(
        database.url,
        `create function note() returns text language sql as $$ insert into account (owner) values ('x'); select '' $$;
         create procedure notes() language sql as $$ select note() $$`,
      ),
    );

    for (const [name, write] of Object.entries(writes)) {
      it(`promise 8: ${name}`, async () => {
        proxy.loseReply(/^commit$/);
        await engines.ours.em.fork().transactional(async (em) => void (await write(em)));
        expect(await owners(database.url)).to.deep.equal(['x']);
        proxy.killBefore(/^commit$/);
        const error = await rejection(engines.ours.em.fork().transactional(async (em) => void (await write(em))));
        expect(error).to.be.instanceOf(TransactionAbortedError);
        expect(await owners(database.url)).to.deep.equal(['x']);
        await expectNothingHeld(engines.ours);
      });
    }

    it('promise 8: a notification, which gets its id at COMMIT only', async () => {
      const notes: string[] = [];
      const listener = new pg.Client(database.url);
      await listener.connect();
      await listener.query('listen news');
      listener.on('notification', ({ payload = '' }) => notes.push(payload));
      const send = (payload: string) =>
        engines.ours.em.fork().transactional((em) => em.execute(`select pg_notify('news', '${payload}')`));
      proxy.loseReply(/^commit$/);
      await send('arrived');
      proxy.killBefore(/^commit$/);
      expect(await rejection(send('lost'))).to.be.instanceOf(TransactionAbortedError);
      const first = engines.ours.em.fork();
      proxy.killBefore(/^commit$/);
      expect(await rejection(first.transactional((em) => em.execute("notify news, 'lost, too'")))).to.be.instanceOf(
        CommitOutcomeUnknownError,
      );
      await listener.query('select 1');
      expect(notes).to.deep.equal(['arrived']);
      await listener.end();
    });
  });

  it('promise 20: is asked neither in a read-only transaction nor again', async () => {
    await engines.ours.em.fork().transactional((em) => em.count(Account), { readOnly: true });
    expect(proxy.sql().filter(isQuestion)).to.deep.equal([]);
    await engines.ours.em.fork().transactional(async (em) => {
      await em.insert(Account, { owner: 'Ada', balance: 0 });
      await em.insert(Account, { owner: 'Grace', balance: 0 });
    });
    expect(proxy.sql().filter(isQuestion)).to.have.length(1);
  });
});

/** A role that may log in, and write into the table. */
async function loginRole(database: TestDatabase, name: string): Promise<string> {
  await query(
    database.url,
    `create role ${name} login password 'x'; grant all on account to ${name}; grant all on account_id_seq to ${name}`,
  );
  const url = new URL(database.url);
  url.username = name;
  url.password = 'x';
  return url.href;
}

describe('the question for the transaction’s id, where rights are missing', () => {
  let database: TestDatabase;
  const roles: string[] = [];

  beforeEach(async () => {
    database = await accountDatabase();
  });
  afterEach(async () => {
    await database.drop();
    const other = await createDatabase();
    for (const role of roles.splice(0)) {
      await query(other.url, `drop role ${role}`);
    }
    await other.drop();
  });
  const role = (): string => {
    const name = `asker_${database.name.slice(-12)}_${roles.length}`;
    roles.push(name);
    return name;
  };

  it('promise 8: a role without any rights may ask', async () => {
    const name = role();
    await using proxy = await startProxy(await loginRole(database, name));
    const engine = ours(proxy.url);
    proxy.loseReply(/^commit$/);
    await engine.em.fork().transactional((em) => em.insert(Account, { owner: 'Ada', balance: 0 }));
    proxy.killBefore(/^commit$/);
    const error = await rejection(
      engine.em.fork().transactional((em) => em.insert(Account, { owner: 'Grace', balance: 0 })),
    );
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(await owners(database.url)).to.deep.equal(['Ada']);
    await engine.close();
  });

  for (const revoked of ['pg_current_xact_id_if_assigned()', 'pg_control_system()', 'pg_postmaster_start_time()']) {
    it(`promise 8: where ${revoked} is revoked, units work, one warning says what is not known, and no outcome is wrong`, async () => {
      await query(database.url, `revoke execute on function ${revoked} from public`);
      const warnings: string[] = [];
      await using proxy = await startProxy(await loginRole(database, role()));
      const engine = ours(proxy.url, { logger: (line: string) => warnings.push(line), colors: false } as never);
      const shapes: ((em: Session) => Promise<unknown>)[] = [
        (em) => em.insert(Account, { owner: 'x', balance: 0 }),
        (em) => em.execute("insert into account (owner) values ('x'); select 1"),
        async (em) => {
          await em.insert(Account, { owner: 'x', balance: 0 });
          await em.transactional((inner) => inner.execute('select 1'));
        },
      ];
      for (const work of shapes) {
        await engine.em.fork().transactional(async (em) => void (await work(em)));
        expect(await owners(database.url)).to.deep.equal(['x']);
        await query(database.url, 'truncate account');
      }
      expect(warnings.filter((line) => /does not tell the ids/.test(line))).to.have.length(1);
      for (const arrives of [true, false]) {
        arrives ? proxy.loseReply(/^commit$/) : proxy.killBefore(/^commit$/);
        const error = await rejection(
          engine.em.fork().transactional((em) => em.insert(Account, { owner: 'x', balance: 0 })),
        );
        expect(error).to.be.instanceOf(CommitOutcomeUnknownError);
        expect(error.message).to.match(/has not told the id/);
      }
      proxy.reset();
      await engine.em.fork().transactional((em) => em.insert(Account, { owner: 'x', balance: 0 }));
      expect(proxy.roundTrips()).to.equal(2);
      await expectNothingHeld(engine);
      await engine.close();
    });
  }

  it('promise 8: rights that a role of the unit lacks are no other unit’s matter', async () => {
    const [login, weak] = [role(), role()];
    const url = await loginRole(database, login);
    await loginRole(database, weak);
    await query(
      database.url,
      `grant ${weak} to ${login}; revoke execute on function pg_control_system() from public;
       grant execute on function pg_control_system() to ${login}`,
    );
    await using proxy = await startProxy(url);
    const engine = ours(proxy.url);
    const insert = (options: object) =>
      engine.em.fork(options).transactional((em) => em.insert(Account, { owner: 'x', balance: 0 }));
    const asWeak = { session: { role: weak } };
    const byHand = () =>
      engine.em.fork().transactional(async (em) => {
        await em.execute('select 1');
        await em.execute(`set local role ${weak}`);
        await em.insert(Account, { owner: 'x', balance: 0 });
      });
    await insert({});
    await insert(asWeak);
    await byHand();
    await insert(asWeak);
    proxy.loseReply(/^commit$/);
    await insert({});
    proxy.loseReply(/^commit$/);
    expect(await rejection(insert(asWeak))).to.be.instanceOf(CommitOutcomeUnknownError);
    proxy.loseReply(/^commit$/);
    expect(await rejection(byHand())).to.be.instanceOf(CommitOutcomeUnknownError);
    expect(await owners(database.url)).to.have.length(7);
    await engine.close();
  });

  it('promise 8: rights that are taken away later cost one unit, which says why', async () => {
    await using proxy = await startProxy(await loginRole(database, role()));
    const engine = ours(proxy.url);
    const insert = () => engine.em.fork().transactional((em) => em.insert(Account, { owner: 'x', balance: 0 }));
    await insert();
    await query(database.url, 'revoke execute on function pg_control_system() from public');
    const error = await rejection(insert());
    expect(error.code).to.equal('42501');
    await insert();
    expect(await owners(database.url)).to.have.length(2);
    await engine.close();
  });

  it('promise 31: a search_path that begins with somebody else’s schema redirects nothing', async () => {
    await query(
      database.url,
      `create schema evil;
       create function evil.trap() returns text language plpgsql as $$ begin raise exception 'trapped'; end $$;
       create function evil.pg_current_xact_id_if_assigned() returns xid8 language sql as $$ select null::xid8 from (select evil.trap()) x $$;
       create function evil.pg_current_xact_id() returns xid8 language sql as $$ select null::xid8 from (select evil.trap()) x $$;
       create function evil.concat_ws(text, numeric, text, bigint, numeric) returns text language sql as $$ select evil.trap() $$;
       create function evil.substr(text, int, int) returns text language sql as $$ select evil.trap() $$;
       create function evil.set_config(text, text, boolean) returns text language sql as $$ select evil.trap() $$;
       create function evil.current_setting(text, boolean) returns text language sql as $$ select evil.trap() $$;
       create function evil.pg_is_in_recovery() returns boolean language sql as $$ select evil.trap() is null $$;
       create function evil.pg_xact_status(xid8) returns text language sql as $$ select evil.trap() $$;
       create function evil.text_eq(text, text) returns boolean language sql as $$ select evil.trap() is null $$;
       create operator evil.= (leftarg = text, rightarg = text, function = evil.text_eq);
       alter database ${database.name} set search_path = evil, public, pg_catalog`,
    );
    await using proxy = await startProxy(database.url);
    const engine = ours(proxy.url);
    const insert = () =>
      engine.em
        .fork({ session: { variables: { 'app.user': 'Ada' } } } as never)
        .transactional((em) => em.insert(Account, { owner: 'x', balance: 0 }));
    proxy.loseReply(/^commit$/);
    await insert();
    proxy.killBefore(/^commit$/);
    expect(await rejection(insert())).to.be.instanceOf(TransactionAbortedError);
    expect(await query(database.url, 'select * from public.account')).to.have.length(1);
    await engine.close();
  });
});
