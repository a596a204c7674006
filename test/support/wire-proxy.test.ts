import { expect } from 'chai';
import pg from 'pg';
import { createDatabase, query, type TestDatabase } from './database.js';
import { otherSessions } from './other-sessions.js';
import { waitFor } from './wait-for.js';
import { startProxy, type WireProxy } from './wire-proxy.js';

describe('the wire proxy', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let client: pg.Client;

  const connect = async (): Promise<pg.Client> => {
    const opened = new pg.Client({ connectionString: proxy.url });
    opened.on('error', () => undefined);
    await opened.connect();
    return opened;
  };
  const failure = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => expect.fail('it should have failed'),
      (error: Error) => error,
    );

  before(async () => {
    database = await createDatabase();
    await query(database.url, 'create table note (text text)');
  });
  after(() => database.drop());
  beforeEach(async () => {
    proxy = await startProxy(database.url);
    client = await connect();
  });
  afterEach(async () => {
    await proxy.close();
    await client.end().catch(() => undefined);
    await query(database.url, 'truncate note');
  });

  it('counts nothing for connecting and disconnecting', async () => {
    await client.end();
    expect(proxy.roundTrips()).to.equal(0);
    expect(proxy.sql()).to.deep.equal([]);
  });

  it('counts a simple query as one round trip, however many statements it has', async () => {
    await client.query('select 1; select 2');
    expect(proxy.roundTrips()).to.equal(1);
    expect(proxy.sql()).to.deep.equal(['select 1; select 2']);
  });

  it('counts an extended query as one round trip', async () => {
    const { rows } = await client.query('select $1::int as one', [1]);
    expect(rows).to.deep.equal([{ one: 1 }]);
    expect(proxy.roundTrips()).to.equal(1);
    expect(proxy.sql()).to.deep.equal(['select $1::int as one']);
    expect(proxy.messages().map(({ type }) => type)).to.deep.equal(['P', 'B', 'D', 'E', 'S']);
  });

  it('counts a batch of several statements with one Sync as one round trip', async () => {
    const { connection } = client as unknown as { connection: BatchingConnection };
    const done = new Promise((resolve) => connection.once('readyForQuery', resolve));
    connection.stream.cork();
    for (const text of ["insert into note values ('a')", "insert into note values ('b')"]) {
      connection.parse({ text }, true);
      connection.bind({}, true);
      connection.execute({}, true);
    }
    connection.sync();
    connection.stream.uncork();
    await done;
    expect(proxy.roundTrips()).to.equal(1);
    expect(proxy.sql()).to.deep.equal(["insert into note values ('a')", "insert into note values ('b')"]);
  });

  it('counts a question in each direction once, whatever the size of the answer', async () => {
    await client.query("select repeat('x', 1000) from generate_series(1, 2000)");
    await client.query('select 1');
    expect(proxy.roundTrips()).to.equal(2);
  });

  it('keeps the SQL of each connection apart, and forgets it on reset', async () => {
    const other = await connect();
    await client.query('begin');
    await other.query('select 1');
    await client.query('commit');
    expect(proxy.sqlByConnection()).to.deep.equal([['begin', 'commit'], ['select 1']]);
    proxy.reset();
    expect(proxy.sqlByConnection()).to.deep.equal([]);
    expect(proxy.roundTrips()).to.equal(0);
    await other.query('select 2');
    expect(proxy.sqlByConnection()).to.deep.equal([['select 2']]);
    await other.end();
  });

  it('closes the connection before the server sees a statement', async () => {
    const fault = proxy.killBefore(/insert/);
    await failure(client.query("insert into note values ('a')"));
    await fault.struck;
    expect(await query(database.url, 'select * from note')).to.deep.equal([]);
    client = await connect();
    await client.query("insert into note values ('b')");
    expect(await query(database.url, 'select * from note')).to.deep.equal([{ text: 'b' }]);
  });

  it('loses the reply of a COMMIT that took place', async () => {
    await client.query("begin; insert into note values ('a')");
    proxy.loseReply(/^commit/i);
    await failure(client.query('commit'));
    expect(await query(database.url, 'select * from note')).to.deep.equal([{ text: 'a' }]);
  });

  it('loses the reply of an extended query too', async () => {
    proxy.loseReply(/insert/);
    await failure(client.query('insert into note values ($1)', ['a']));
    expect(await query(database.url, 'select * from note')).to.deep.equal([{ text: 'a' }]);
  });

  it('forwards a statement and closes at once', async () => {
    for (const params of [undefined, []]) {
      client = await connect();
      proxy.closeAfter(/insert/);
      await failure(client.query({ text: "insert into note values ('a')", ...(params && { values: params }) }));
    }
    await waitFor(async () => (await query(database.url, 'select * from note')).length === 2);
  });

  it('holds a statement until it is released', async () => {
    const hold = proxy.holdAt(/insert/);
    const inserted = client.query("insert into note values ('a')");
    await hold.struck;
    expect(await query(database.url, 'select * from note')).to.deep.equal([]);
    hold.release();
    await inserted;
    expect(await query(database.url, 'select * from note')).to.deep.equal([{ text: 'a' }]);
  });

  it('delays a statement', async () => {
    proxy.delayAt(/select/, 50);
    const start = performance.now();
    await client.query('select 1');
    expect(performance.now() - start).to.be.greaterThan(45);
  });

  it('swallows everything and closes nothing, until it is told to go on', async () => {
    proxy.blackhole();
    let isAnswered = false;
    const answer = client.query('select 1 as one').then(({ rows }) => {
      isAnswered = true;
      return rows;
    });
    const late = connect();
    await waitFor(() => proxy.connectionsMade === 2);
    expect(isAnswered).to.equal(false);
    expect(proxy.connections).to.have.length(2);
    proxy.resume();
    expect(await answer).to.deep.equal([{ one: 1 }]);
    await (await late).end();
  });

  it('goes silent at a statement', async () => {
    const fault = proxy.silenceAt(/select 1/);
    const answer = failure(client.query('select 1'));
    const connection = await fault.struck;
    expect(connection.isOpen).to.equal(true);
    proxy.dropAll();
    await answer;
  });

  it('goes silent at a whole batch, not only at its first message', async () => {
    const fault = proxy.silenceAt(/insert/);
    const insert = failure(client.query('insert into note values ($1)', ['a']));
    await fault.struck;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(proxy.messages().map(({ type }) => type)).to.deep.equal(['P']);
    proxy.dropAll();
    await insert;
  });

  it('forwards half a message and closes the connection', async () => {
    proxy.onBackend(({ type }) => (type === 'D' ? 'halve' : undefined));
    await failure(client.query("select repeat('x', 100)"));
    expect(proxy.connections).to.have.length(0);
  });

  it('refuses connections, and accepts them again on the same port', async () => {
    const { port } = proxy;
    await proxy.refuseConnections();
    expect(await failure(connect())).to.have.property('code', 'ECONNREFUSED');
    await client.query('select 1');
    await proxy.acceptConnections();
    expect(proxy.port).to.equal(port);
    await (await connect()).end();
  });

  it('forwards cancel requests, and counts them apart', async () => {
    const sleeping = failure(client.query('select pg_sleep(60)'));
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    await waitFor(async () => {
      const sql = `select from ${otherSessions} where pid = $1 and wait_event = $2`;
      return (await query(database.url, sql, [processID, 'PgSleep'])).length > 0;
    });
    const canceller = new pg.Connection() as unknown as Canceller;
    canceller.once('connect', () => canceller.cancel(processID, secretKey));
    canceller.connect(proxy.port, '127.0.0.1');
    expect(await sleeping).to.have.property('code', '57014');
    expect(proxy.cancelRequests).to.equal(1);
    expect(proxy.roundTrips()).to.equal(1);
  });

  it('shows messages of both directions to hooks, which may swallow them', async () => {
    const seen: string[] = [];
    const removeFirst = proxy.onFrontend(({ type }) => void seen.push(`> ${type}`));
    const removeSecond = proxy.onBackend(({ type }) => {
      seen.push(`< ${type}`);
      return type === 'N' ? 'swallow' : undefined;
    });
    client.on('notice', () => seen.push('a notice'));
    await client.query("do $$ begin raise warning 'careful'; end $$");
    removeFirst();
    removeSecond();
    await client.query('select 1');
    expect(seen).to.deep.equal(['> Q', '< N', '< C', '< Z']);
  });

  it('lets nothing through after a message that it swallowed for good, not even when it goes on', async () => {
    const fault = proxy.silenceAt(/swallowed/);
    let answer = 'none';
    void client.query('select $1 as swallowed', [1]).then(
      () => {
        answer = 'rows';
      },
      () => {
        answer = 'error';
      },
    );
    await fault.struck;
    proxy.blackhole();
    proxy.resume();
    const other = await connect();
    await other.query('select 1');
    await other.end();
    expect(answer).to.equal('none');
    proxy.dropAll();
    await waitFor(() => answer === 'error');
  });
});

/** What pg's own connection object has beside its published types. */
interface BatchingConnection {
  readonly stream: { cork(): void; uncork(): void };
  once(event: string, listener: (value: unknown) => void): void;
  parse(query: { text: string }, more: boolean): void;
  bind(config: object, more: boolean): void;
  execute(config: object, more: boolean): void;
  sync(): void;
}

interface Canceller {
  once(event: string, listener: () => void): void;
  connect(port: number, host: string): void;
  cancel(processID: number, secretKey: number): void;
}
