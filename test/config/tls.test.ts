import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { OwnServer } from '../support/own-server.js';
import { rejection } from '../support/rejection.js';
import { freePort } from '../support/server/free-port.js';
import { serverUrl } from '../support/server-url.js';
import { waitFor } from '../support/wait-for.js';

/** A private authority, a certificate of a server of it for "localhost", one of a client, and an authority of strangers. */
function certificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    );
  authority('ca');
  authority('stranger');
  for (const [name, subject, extension] of [
    ['server', '/CN=localhost', 'subjectAltName=DNS:localhost'],
    ['client', '/CN=postgres', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(join(folder, `${name}.ext`), extension);
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  }
}

describe('the servers of a DSN', () => {
  let folder: string;
  let server: OwnServer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mikro-orm-uow-tls-'));
    certificates(folder);
    server = await OwnServer.start();
    const data = join(server.folder, 'data');
    const { uid, gid } = statSync(data);
    for (const [from, to] of [
      ['server.pem', 'server.crt'],
      ['server.key', 'server.key'],
      ['ca.pem', 'root.crt'],
    ] as const) {
      copyFileSync(join(folder, from), join(data, to));
      chownSync(join(data, to), uid, gid);
      chmodSync(join(data, to), 0o600);
    }
    for (const setting of ['ssl = on', `ssl_ca_file = 'root.crt'`, 'default_transaction_read_only = on']) {
      await query(server.url, `alter system set ${setting}`);
    }
    await server.shutdown();
    await server.restart();
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const dsnOf = (host: string, parameters: Record<string, string | undefined>, base = server.url): string => {
    const url = new URL(base);
    url.hostname = host;
    for (const [name, value] of Object.entries(parameters)) {
      url.searchParams.set(name, value ?? '');
    }
    return url.href;
  };
  /** What a unit learns from the server that it came to. */
  const ask = async <Row>(dsn: string, sql: string, more = {}): Promise<Row | undefined> => {
    await using engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 }, { entities, ...more }));
    return new BankUnitOfWork(engineFactory).run(async (u) => {
      const [row] = (await u.session.getConnection().execute(sql)) as unknown as Row[];
      return row;
    });
  };
  const tls = 'select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()';
  const file = (name: string) => join(folder, name);

  describe('promise 18: with TLS, as libpq understands the parameters', () => {
    for (const [name, host, parameters, encrypted] of [
      ['disable', 'localhost', { sslmode: 'disable' }, false],
      ['prefer', 'localhost', { sslmode: 'prefer' }, true],
      ['require, which verifies nothing', '127.0.0.1', { sslmode: 'require' }, true],
      ['require, with an authority', '127.0.0.1', { sslmode: 'require', sslrootcert: 'ca.pem' }, true],
      ['verify-ca, whatever the name', '127.0.0.1', { sslmode: 'verify-ca', sslrootcert: 'ca.pem' }, true],
      ['verify-full with a private authority', 'localhost', { sslmode: 'verify-full', sslrootcert: 'ca.pem' }, true],
    ] as const) {
      it(`connects: ${name}`, async () => {
        const files = 'sslrootcert' in parameters ? { sslrootcert: file(parameters.sslrootcert) } : {};
        expect(await ask(dsnOf(host, { ...parameters, ...files }), tls)).to.include({ ssl: encrypted });
      });
    }

    it('shows the certificate of the client', async () => {
      const dsn = dsnOf('localhost', {
        sslmode: 'verify-full',
        sslrootcert: file('ca.pem'),
        sslcert: file('client.pem'),
        sslkey: file('client.key'),
      });
      expect(await ask(dsn, tls)).to.deep.equal({ ssl: true, client_dn: '/CN=postgres' });
    });

    it('does without where the server does: sslmode=prefer', async () => {
      expect(await ask(dsnOf(new URL(serverUrl()).hostname, { sslmode: 'prefer' }, serverUrl()), tls)).to.include({
        ssl: false,
      });
    });

    for (const [name, host, parameters] of [
      ['verify-full with another name', '127.0.0.1', { sslmode: 'verify-full', sslrootcert: 'ca.pem' }],
      ['verify-full with public authorities', 'localhost', { sslmode: 'verify-full' }],
      ['verify-full with another authority', 'localhost', { sslmode: 'verify-full', sslrootcert: 'stranger.pem' }],
      ['verify-ca with another authority', 'localhost', { sslmode: 'verify-ca', sslrootcert: 'stranger.pem' }],
      ['require with another authority', 'localhost', { sslmode: 'require', sslrootcert: 'stranger.pem' }],
    ] as const) {
      it(`does not connect: ${name}`, async () => {
        const files = 'sslrootcert' in parameters ? { sslrootcert: file(parameters.sslrootcert) } : {};
        const error = await rejection(ask(dsnOf(host, { ...parameters, ...files }), tls));
        expect((error as Error).message).to.match(/certificate|altnames/i);
      });
    }

    it('promise 12: cancels through TLS', async () => {
      const dsn = dsnOf('localhost', { sslmode: 'verify-full', sslrootcert: file('ca.pem') });
      await using engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn, poolSize: 1 }, { entities }));
      const uow = new BankUnitOfWork(engineFactory);
      const controller = new AbortController();
      const reason = new Error('no longer wanted');
      const run = rejection(
        uow.run((u) => u.session.getConnection().execute('select pg_sleep(30)'), { signal: controller.signal }),
      );
      const running = () =>
        query(
          server.url,
          `select 1 from pg_stat_activity where state = 'active' and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()`,
        );
      await waitFor(async () => (await running()).length > 0);
      controller.abort(reason);
      expect(await run).to.equal(reason);
      await waitFor(async () => (await running()).length === 0);
    });
  });

  describe('that are several', () => {
    const role = `several_${process.pid}`;
    const urls = () => [server.url, serverUrl()];
    before(async () => {
      for (const url of urls()) {
        await query(url, `begin read write; create role ${role} login password 'several'; commit`);
      }
    });
    after(() => query(serverUrl(), `drop role ${role}`));

    /** Both servers, the read-only one first, and one before them that is not there. */
    const several = async (parameters: string): Promise<string> => {
      const hosts = urls().map((url) => new URL(url).host);
      return `postgres://${role}:several@127.0.0.1:${await freePort()},${hosts.join(',')}/postgres${parameters}`;
    };
    const portOf = async (dsn: string) =>
      (await ask<{ port: string }>(dsn, `select current_setting('port') as port`))?.port;

    it('are tried in turn: the first that answers', async () => {
      expect(await portOf(await several(''))).to.equal(new URL(server.url).port);
    });
    it('are tried in turn: the first that writes', async () => {
      expect(await portOf(await several('?target_session_attrs=read-write'))).to.equal(new URL(serverUrl()).port);
    });
    for (const [attributes, ok] of [
      ['read-only', true],
      ['primary', true],
      ['prefer-standby', true],
      ['standby', false],
    ] as const) {
      it(`target_session_attrs=${attributes} ${ok ? 'finds one' : 'finds none, and says why'}`, async () => {
        const asked = portOf(await several(`?target_session_attrs=${attributes}`));
        if (ok) {
          expect(await asked).to.equal(new URL(server.url).port);
        } else {
          expect(((await rejection(asked)) as Error).message).to.match(
            /none of the servers will do: .*primary.*primary|read-only/,
          );
        }
      });
    }
    it('promise 16: fail in time where none of them answers', async () => {
      const dsn = `postgres://a:b@127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}/x?connect_timeout=2`;
      const error = (await rejection(ask(dsn, 'select 1'))) as Error & { code?: string };
      expect(error.code).to.equal('08001');
      expect(error.message).to.match(/ECONNREFUSED.*ECONNREFUSED/);
    });
  });
});
