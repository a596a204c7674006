import { expect } from 'chai';
import { ConfigurationError, postgresConfig } from '../../src/index.js';

const url = 'postgres://ada@localhost:5432/bank';

describe('promise 18: postgresConfig', () => {
  it('reads DATABASE_URL and DATABASE_POOL_SIZE', () => {
    const config = postgresConfig({ DATABASE_URL: url, DATABASE_POOL_SIZE: '7' });
    expect(config).to.deep.equal({ dsn: url, poolSize: 7 });
  });

  for (const size of [undefined, '', ' ']) {
    it(`gives a pool of 10 unless one is set: ${JSON.stringify(size)}`, () => {
      expect(postgresConfig({ DATABASE_URL: url, DATABASE_POOL_SIZE: size })).to.include({ poolSize: 10 });
    });
  }

  it('reads the environment of the process', () => {
    const before = process.env.DATABASE_URL;
    process.env.DATABASE_URL = 'pglite://memory';
    try {
      expect(postgresConfig().dsn).to.equal('pglite://memory');
    } finally {
      if (before === undefined) {
        delete process.env.DATABASE_URL;
      } else {
        process.env.DATABASE_URL = before;
      }
    }
  });

  for (const dsn of [url, 'postgresql://h/d', 'POSTGRES://h', 'pglite://memory', 'pglite://./data', 'pglite:///data']) {
    it(`takes ${dsn}`, () => {
      expect(postgresConfig({ DATABASE_URL: dsn }).dsn).to.equal(dsn);
    });
  }

  for (const missing of [undefined, '', '  ']) {
    it(`promise 18: refuses a missing DATABASE_URL, and falls back to nothing: ${JSON.stringify(missing)}`, () => {
      expect(() => postgresConfig({ DATABASE_URL: missing })).to.throw(ConfigurationError, 'DATABASE_URL is not set');
    });
  }

  for (const [dsn, message] of [
    ['bank', 'not a URL'],
    ['localhost:5432', 'not a URL'],
    ['://', 'not a URL'],
    ['mysql://localhost/bank', '"mysql://"'],
    ['http://localhost', '"http://"'],
    ['postgres://host:port/bank', 'cannot be read'],
    ['postgres://host:99999/bank', 'cannot be read'],
    ['postgres://a b/bank', 'cannot be read'],
    ['postgres://host/100%', 'cannot be read'],
    ['postgres://host/bank?sslmode=maybe', 'sslmode'],
    ['postgres://host/bank?connect_timeout=soon', 'connect_timeout'],
    ['pglite://', 'pglite://memory'],
    ['pglite://somewhere', 'pglite://memory'],
  ] as const) {
    it(`promise 18: refuses ${dsn}`, () => {
      expect(() => postgresConfig({ DATABASE_URL: dsn })).to.throw(ConfigurationError, message);
    });
  }

  for (const size of ['0', '-1', 'ten', '1.5', '1e3', '0x10', '100000', 'Infinity', 'NaN']) {
    it(`promise 18: refuses a pool of ${size}`, () => {
      const read = () => postgresConfig({ DATABASE_URL: url, DATABASE_POOL_SIZE: size });
      expect(read).to.throw(ConfigurationError, `DATABASE_POOL_SIZE must be a whole number from 1 to 99999`);
      expect(read).to.throw(size);
    });
  }
});
