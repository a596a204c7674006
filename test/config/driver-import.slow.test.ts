import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const library = new URL('../../src/index.js', import.meta.url).href;

const notFound = `Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' })`;

/** What a process without these packages prints for the options of a DSN. */
async function optionsWithout(packages: readonly string[], dsn: string, reason = notFound): Promise<string> {
  const hooks = `export async function resolve(name, context, next) {
    if (${JSON.stringify(packages)}.some((missing) => name === missing || name.startsWith(missing + '/'))) {
      throw ${reason};
    }
    return next(name, context);
  }`;
  const inline = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const preload = `import { register } from 'node:module'; register(${JSON.stringify(inline(hooks))});`;
  const script = `import { engineOptions } from ${JSON.stringify(library)};
    await engineOptions({ dsn: ${JSON.stringify(dsn)}, poolSize: 1 }).then(
      ({ driver }) => console.log(driver.name),
      (error) => console.log(error.name + ': ' + error.message),
    );`;
  const args = ['--import', inline(preload), '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 90_000 });
  return stdout.trim();
}

describe('the driver of a DSN', () => {
  const postgresql = ['@mikro-orm/postgresql', 'pg'];
  const pglite = ['@mikro-orm/pglite', '@electric-sql/pglite'];

  it('is imported alone: PostgreSQL works without PGlite', async () => {
    expect(await optionsWithout(pglite, 'postgres://localhost/bank')).to.equal('UnitOfWorkPostgreSqlDriver');
  });

  it('is imported alone: PGlite works without PostgreSQL', async () => {
    expect(await optionsWithout(postgresql, 'pglite://memory')).to.equal('UnitOfWorkPgliteDriver');
  });

  it('promise 18: that is not installed is named, with what to do', async () => {
    expect(await optionsWithout(postgresql, 'postgres://localhost/bank')).to.match(
      /^ConfigurationError: .*npm install @mikro-orm\/postgresql/,
    );
    expect(await optionsWithout(pglite, 'pglite://memory')).to.match(
      /^ConfigurationError: .*npm install @mikro-orm\/pglite/,
    );
  });

  it('promise 18: that is broken is not called missing', async () => {
    for (const reason of [
      `new Error('broken')`,
      `Object.assign(new Error("Cannot find module './gone.js'"), { code: 'ERR_MODULE_NOT_FOUND' })`,
    ]) {
      const printed = await optionsWithout(postgresql, 'postgres://localhost/bank', reason);
      expect(printed).to.match(/^Error: (broken|Cannot find module)/);
    }
  });
});
