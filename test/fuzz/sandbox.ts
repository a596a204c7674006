import { expect } from 'chai';
import { type EngineOptions, engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import { isAcceptable } from './acceptable.js';
import { runningText } from './running-text.js';
import { everythingOf } from './secrets.js';

/** How long a call may take before it counts as one that hangs. */
const patience = 30_000;

const schema = `
  create table canary (id int);
  insert into canary values (1);
  create function drop_canary() returns text language plpgsql as $$ begin drop table canary; return ''; end $$;
`;

/** A bank whose wire, logs and canary table show whether hostile input did harm. */
export class Sandbox implements AsyncDisposable {
  readonly #database: TestDatabase;
  readonly #proxy: WireProxy;
  readonly #logs: string[] = [];
  readonly engineFactory: MikroOrmEngineFactory;
  readonly uow: BankUnitOfWork;

  private constructor(database: TestDatabase, proxy: WireProxy) {
    this.#database = database;
    this.#proxy = proxy;
    this.engineFactory = new MikroOrmEngineFactory(this.options());
    this.uow = new BankUnitOfWork(this.engineFactory);
  }

  static async open(): Promise<Sandbox> {
    const database = await createDatabase();
    const sandbox = new Sandbox(database, await startProxy(database.url));
    await (await sandbox.engineFactory.create()).schema.create();
    await query(database.url, schema);
    await query(database.url, "insert into account (owner, balance) values ('Ada', 1), ('Grace', 2)");
    sandbox.#proxy.reset();
    return sandbox;
  }

  /** Options of an engine that logs all that it can. */
  options(): Promise<EngineOptions> {
    const logger = (message: string) => this.#logs.push(message);
    return engineOptions({ dsn: this.url, poolSize: 4 }, { entities, debug: true, logger, colors: false });
  }

  get url(): string {
    return this.#proxy.url;
  }

  get password(): string {
    return new URL(this.url).password;
  }

  rows<Row extends object>(sql: string): Promise<Row[]> {
    return query<Row>(this.#database.url, sql);
  }

  /** Whether anything was sent since the last call that was tried. */
  get isSilent(): boolean {
    return this.#proxy.sql().length === 0;
  }

  /** Makes a call, and sees that it ends, fails as it may, shows no secret, and runs nothing that came in as a value. */
  async attempt(call: () => unknown): Promise<unknown> {
    const { error } = await settle(call);
    if (error !== undefined) {
      expect(isAcceptable(error), `the error: ${everythingOf(error).slice(0, 2000)}`).to.equal(true);
      expect(everythingOf(error), 'the error').not.to.include(this.password);
    }
    expect(this.#logs.join('\n'), 'the log').not.to.include(this.password);
    const running = this.#proxy.sql().map(runningText);
    expect(running.filter((text) => text.includes('canary'))).to.deep.equal([]);
    return error;
  }

  /** Forgets what has been sent and logged. */
  forget(): void {
    this.#logs.length = 0;
    this.#proxy.reset();
  }

  /** Sees that nothing was harmed in all that time, and that the engine still works. */
  async inspect(): Promise<void> {
    expect(await this.rows('select * from canary')).to.deep.equal([{ id: 1 }]);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
    expect(await this.uow.run((u) => u.accounts.count({ owner: 'Ada' }))).to.equal(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engineFactory.dispose({ timeout: 0 });
    await this.#proxy.close();
    await this.#database.drop();
  }
}

/** How a call ends; fails where it does not end in time. Errors may be any value, `undefined` included. */
async function settle(call: () => unknown): Promise<{ error?: unknown }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), patience);
  });
  const settled = (async () => {
    try {
      await call();
      return {};
    } catch (error) {
      return { error };
    }
  })();
  try {
    const first = await Promise.race([settled, late]);
    if (first === 'late') {
      throw new Error(`It did not end within ${patience} ms`);
    }
    return first;
  } finally {
    clearTimeout(timer);
  }
}
