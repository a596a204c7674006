import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

/** What somebody writes by mistake, and what the compiler has to say of it, at that very place. */
const mistakes: Record<string, { code: string; says: RegExp }> = {
  'a unit that extends the class itself': {
    code: 'export class Unit extends MikroOrmUnitOfWork {}',
    says: /MikroOrmUnitOfWork<DeclaredBy_MikroOrmUnitOfWork_of>' requires 1 type argument/,
  },
  'an instance for a class': {
    code: 'export class Unit extends MikroOrmUnitOfWork.of({ accounts: new AccountRepository(proxy) }) {}',
    says: /"accounts\\" must be the class of a repository, such as AccountRepository, and no instance of it/,
  },
  'a repository that is called like a member': {
    code: 'export class Unit extends MikroOrmUnitOfWork.of({ run: AccountRepository }) {}',
    says: /"run\\" is a member of every unit of work: give the repository another name/,
  },
  'a field that the entity has not': {
    code: "uow.run((u) => u.accounts.list({ ownr: 'Ada' }));",
    says: /'ownr' does not exist in type .*Account/,
  },
  'a relation that the entity has not': {
    code: "uow.run((u) => u.accounts.list({}, { populate: ['sent.nothing'] }));",
    says: /'"sent\.nothing"' is not assignable to type '.*"sent\.amount"/,
  },
  'a value of another type': {
    code: "uow.run((u) => u.accounts.create({ owner: 'Ada', balance: 'x' }));",
    says: /'string' is not assignable to type '.*number/,
  },
  'the entity of another repository': {
    code: 'export class Repository extends MikroOrmRepository<Account> { protected readonly entity = Transfer; }',
    says: /Property 'entity' in type 'Repository' is not assignable to the same property in base type 'MikroOrmRepository<Account>'/,
  },
  'an option that there is not': {
    code: 'uow.run(async () => 1, { retries: 3 });',
    says: /'retries' does not exist in type 'UnitOfWorkOptions'/,
  },
};

describe('promise 14: the compiler on common mistakes', () => {
  const file = join(root, `test/types/mistakes-${process.pid}.ts`);
  const project = join(root, `tsconfig.mistakes-${process.pid}.json`);
  let output: string;
  const head = `import { type ConnectionProxy, MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';
import { Account, AccountRepository, type BankUnitOfWork, Transfer } from '../support/bank.js';
export const used = [MikroOrmRepository, MikroOrmUnitOfWork, Account, AccountRepository, Transfer];
declare const uow: BankUnitOfWork;
declare const proxy: ConnectionProxy;
export { proxy, uow };
`;

  before(async () => {
    const lines = Object.values(mistakes).map(({ code }) => code);
    await writeFile(file, `${head}${lines.map((code) => `{\n${code.replace('export ', '')}\n}`).join('\n')}\n`);
    await writeFile(
      project,
      JSON.stringify({
        extends: './tsconfig.json',
        compilerOptions: { noEmit: true, noUnusedLocals: false, incremental: false },
        include: [],
        files: [file],
      }),
    );
    output = await new Promise((resolve) => {
      execFile(process.execPath, [tsc, '-p', project, '--pretty', 'false'], { cwd: root }, (_error, stdout) =>
        resolve(stdout),
      );
    });
  });
  after(async () => {
    await rm(file, { force: true });
    await rm(project, { force: true });
  });

  for (const [index, [mistake, { says }]] of Object.entries(mistakes).entries()) {
    it(`${mistake}: says what to write, where it is`, () => {
      const line = head.split('\n').length + 1 + index * 3;
      const own = new RegExp(`mistakes-\\d+\\.ts\\(${line},\\d+\\): (error [^]*?)(?=\\n\\S|$)`).exec(output)?.[1];
      expect(own, output).to.match(says);
    });
  }
});
