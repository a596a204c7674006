import { inspect } from 'node:util';
import { expect } from 'chai';
import { ConfigurationError, engineOptions, postgresConfig } from '../../src/index.js';
import { rejection } from '../support/rejection.js';

interface Servers {
  candidates: { host: string; port: number }[];
  sessions: string;
}

const from = (dsn: string, options?: object) => engineOptions({ dsn, poolSize: 3 }, options);
const client = (options: { driverOptions?: unknown }) =>
  (options.driverOptions as () => Record<string, unknown> & { servers?: Servers })();

/** Runs `work` with variables in the environment of the process. */
async function withEnvironment<T>(variables: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = before[name];
      }
    }
  }
}

describe('promise 18: what a DSN leaves to libpq', () => {
  for (const [query, expected] of [
    ['?dbname=other', { dbName: 'other' }],
    ['?user=grace', { user: 'grace' }],
    ['?host=other&port=6543', { host: 'other', port: 6543 }],
  ] as const) {
    it(`lets ${query} win over what stands before it`, async () => {
      expect(await from(`postgres://ada@host:5433/bank${query}`)).to.include(expected);
    });
  }

  it('takes the password from the query', async () => {
    expect(client(await from('postgres://ada:one@host/bank?password=two'))).to.include({ password: 'two' });
  });

  it("takes MikroORM's `password`, a function too, and keeps it out of what is printed", async () => {
    const options = await from('postgres://ada:one@host/bank', { password: 'the-other-one' });
    expect(client(options)).to.include({ password: 'the-other-one' });
    expect(inspect(options, { depth: 9, showHidden: true })).not.to.include('the-other-one');
    const ask = () => 'asked for';
    expect(client(await from('postgres://ada@host/bank', { password: ask }))).to.include({ password: ask });
  });

  it('leaves a password that nobody gives to PGPASSWORD', async () => {
    expect(client(await from('postgres://ada@host/bank'))).not.to.have.property('password');
  });

  const environment = {
    PGHOST: 'from-env',
    PGPORT: '6000',
    PGUSER: 'env-user',
    PGDATABASE: 'env-database',
    PGSSLMODE: 'require',
    PGCONNECT_TIMEOUT: '7',
  };
  it('reads PGHOST, PGPORT and their like where the DSN says nothing', async () => {
    await withEnvironment(environment, async () => {
      const options = await from('postgres://');
      expect(options).to.include({ host: 'from-env', port: 6000, user: 'env-user', dbName: 'env-database' });
      expect(client(options)).to.deep.equal({ ssl: { rejectUnauthorized: false }, connectionTimeoutMillis: 7_000 });
    });
  });
  it('does not read them where it does', async () => {
    await withEnvironment(environment, async () => {
      const options = await from('postgres://ada@host:5433/bank?sslmode=disable&connect_timeout=2');
      expect(options).to.include({ host: 'host', port: 5433, user: 'ada', dbName: 'bank' });
      expect(client(options)).to.deep.equal({ ssl: false, connectionTimeoutMillis: 2_000 });
    });
  });

  for (const [dsn, servers, sessions] of [
    ['postgres://a:1,b:2/bank', ['a:1', 'b:2'], 'any'],
    ['postgres://a,b:6543/bank', ['a:5432', 'b:6543'], 'any'],
    ['postgres://ada:x@[::1]:1,b/bank?target_session_attrs=read-write', ['::1:1', 'b:5432'], 'read-write'],
    ['postgres:///bank?host=a,b&port=1,2', ['a:1', 'b:2'], 'any'],
    ['postgres:///bank?host=a,b&port=7', ['a:7', 'b:7'], 'any'],
    ['postgres://a/bank?target_session_attrs=primary', ['a:5432'], 'primary'],
  ] as const) {
    it(`tries in turn: ${dsn}`, async () => {
      const options = await from(dsn);
      const asked = client(options).servers;
      expect(asked?.candidates.map(({ host, port }) => `${host}:${port}`)).to.deep.equal(servers);
      expect(asked?.sessions).to.equal(sessions);
      expect(`${options.host}:${options.port}`).to.equal(servers[0]);
    });
  }

  it('tries without TLS what sslmode=prefer can not have with it', async () => {
    const candidates = client(await from('postgres://a/bank?sslmode=prefer')).servers?.candidates;
    expect(candidates).to.deep.equal([
      { host: 'a', port: 5432, ssl: { rejectUnauthorized: false } },
      { host: 'a', port: 5432, ssl: false },
    ]);
  });

  for (const [dsn, message] of [
    ['postgres://a,b/bank?port=1,2,3', '2 hosts and 3 ports'],
    ['postgres://a/bank?port=soon', 'a port that is no number'],
    ['postgres://a/bank?port=0', 'a port that is no number'],
    ['postgres://a,b:x/bank', 'cannot be read'],
    ['postgres://a/bank?target_session_attrs=master', 'target_session_attrs must be one of any, read-write'],
    ['postgres://a/bank?hostaddr=127.0.0.1', 'hostaddr is a parameter of libpq'],
    ['postgres://a/bank?channel_binding=require', 'channel_binding'],
    ['postgres://a/bank?require_auth=scram-sha-256', 'require_auth'],
    ['postgres://a/bank?passfile=/x', 'passfile'],
    ['postgres://a/bank?service=x', 'service'],
    ['postgres://a/bank?load_balance_hosts=random', 'load_balance_hosts'],
    ['postgres://a/bank?sslmode=allow', 'sslmode=allow'],
    ['postgres://a/bank?sslmode=verify-ca', 'needs sslrootcert'],
    ['postgres://a/bank?sslrootcert=/x', 'no sslmode'],
    ['postgres://a/bank?sslrootcert=system&sslmode=require', 'sslrootcert=system'],
    ['postgres://a/bank?sslmode=require&sslcert=/x', 'go together'],
    ['postgres://a/bank?keepalives_idle=x', 'keepalives_idle'],
  ] as const) {
    it(`refuses ${dsn}`, () => {
      expect(() => postgresConfig({ DATABASE_URL: dsn })).to.throw(ConfigurationError, message);
    });
  }

  it('refuses a certificate that is not there, by its parameter', async () => {
    const error = await rejection(from('postgres://a/bank?sslmode=verify-full&sslrootcert=/nowhere/ca.pem'));
    expect(error).to.be.instanceOf(ConfigurationError);
    expect((error as Error).message).to.match(/sslrootcert cannot be read.*\/nowhere\/ca\.pem/);
  });

  for (const dsn of [
    'postgres://ada:correct-horse@host/bank',
    'postgres://ada:correct@horse@host/bank?x=1',
    'postgres://ada@host/bank?password=correct-horse&sslmode=disable',
    'postgres://ada@host/bank?application_name=x&PassWord=correct-horse',
    'postgres://ada@host/bank?sslmode=require&sslpassword=correct-horse',
  ]) {
    it(`shows no password where the configuration is printed: ${dsn.replaceAll(/correct[-@]horse/g, '***')}`, () => {
      const config = postgresConfig({ DATABASE_URL: dsn });
      const shown = [inspect(config), inspect({ config }, { depth: 5 }), JSON.stringify({ config }), String(config)];
      expect(shown.join()).not.to.match(/horse/);
      expect(shown.join()).to.include('***');
      expect(config.dsn).to.equal(dsn);
      expect({ ...config }).to.deep.equal({ dsn, poolSize: 10 });
    });
  }
});
