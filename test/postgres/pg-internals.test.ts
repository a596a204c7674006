import { expect } from 'chai';
import pg from 'pg';
import { installedVersion } from '../support/installed-version.js';
import { serverUrl } from '../support/server-url.js';

/**
 * The driver rests on what these versions do, beyond what they document. When one changes: run the tests of this folder,
 * read the package's changes to what docs/internals.md names, and then write the new version here and there.
 */
describe('pg internals', () => {
  it('are those of the versions that the driver was checked with', () => {
    expect({
      pg: installedVersion('pg'),
      pool: installedVersion('pg-pool'),
      kysely: installedVersion('kysely'),
    }).to.deep.equal({
      pg: '8.23.0',
      pool: '3.14.0',
      kysely: '0.29.6',
    });
  });

  it('call these methods on a query that was submitted', () => {
    for (const method of [
      'submit',
      'handleRowDescription',
      'handleDataRow',
      'handleCommandComplete',
      'handleEmptyQuery',
      'handlePortalSuspended',
      'handleError',
      'handleReadyForQuery',
    ]) {
      expect(pg.Query.prototype, method).to.have.property(method).that.is.a('function');
    }
    for (const method of ['parse', 'bind', 'execute', 'close', 'flush', 'sync', 'connect', 'requestSsl', 'cancel']) {
      expect(pg.Connection.prototype, method).to.have.property(method).that.is.a('function');
    }
  });

  it('lead from a pool to the client and the query of the same pg', () => {
    const pool = new pg.Pool();
    expect(pool).to.have.property('Client', pg.Client);
    expect(pg.Client).to.have.property('Query', pg.Query);
  });

  it('keep the clients of a pool that are not connected yet, and what is needed to cancel what a client runs', async () => {
    const pool = new pg.Pool({ connectionString: serverUrl(), pipeline: true });
    const connecting = pool.connect();
    const [client] = (pool as unknown as { _clients: Record<string, unknown>[] })._clients;
    const { hostname, port } = new URL(serverUrl());
    expect(client).to.include({
      host: hostname,
      port: Number(port),
      ssl: false,
      sslNegotiation: 'postgres',
      pipeline: true,
    });
    expect(client).to.have.property('connection').that.is.instanceOf(pg.Connection);
    expect(client)
      .to.have.property('connectionParameters')
      .that.includes({ host: hostname, port: Number(port) });
    (await connecting).release();
    expect(client).to.have.property('secretKey').that.is.a('number');
    await pool.end();
  });

  it('keep the rows of a query that has a callback unless it says otherwise, and call the callback at its end', () => {
    const query = new pg.Query('select 1', () => {}) as unknown as Record<string, (argument: unknown) => void> & {
      _accumulateRows?: unknown;
    };
    expect(query).to.have.own.property('text', 'select 1');
    expect(query).to.have.own.property('callback').that.is.a('function');
    query.handleRowDescription?.({ fields: [] });
    expect(Boolean(query._accumulateRows)).to.equal(true);
  });

  it('know the server process and the transaction status of a client', async () => {
    const client = new pg.Client(serverUrl());
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(client).to.have.property('processID', rows[0]?.pid);
    expect(client.getTransactionStatus()).to.equal('I');
    await client.query('begin');
    expect(client.getTransactionStatus()).to.equal('T');
    await client.end();
  });

  it('say in these words that a pool stayed full', async () => {
    const pool = new pg.Pool({ connectionString: serverUrl(), max: 1, connectionTimeoutMillis: 500 });
    pool.on('error', () => {});
    const client = await pool.connect();
    const message = await pool.connect().then(
      () => 'connected',
      (error: Error) => error.message,
    );
    client.release();
    await pool.end();
    expect(message).to.equal('timeout exceeded when trying to connect');
  });
});
