import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { ConfigurationError, MikroOrmRepository, MikroOrmUnitOfWork, type UnitOfWorkOptions } from '../../src/index.js';
import { AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

const badOptions: readonly (readonly [string, unknown, RegExp])[] = [
  ['an unknown propagation', { propagation: 'sideways' }, /propagation.*"sideways"/],
  ['an unknown isolation level', { isolationLevel: 'chaos' }, /isolationLevel.*"chaos"/],
  ['an isolation level that PostgreSQL has not', { isolationLevel: 'snapshot' }, /isolationLevel.*"snapshot"/],
  ['an unknown option', { isolation: 'serializable' }, /"isolation"/],
  ['an unknown timeout', { timeouts: { query: 1 } }, /"query"/],
  ['a timeout that is no number', { timeouts: { statement: 'soon' } }, /timeouts\.statement.*"soon"/],
  ['a timeout that is not a number', { timeouts: { lock: Number.NaN } }, /timeouts\.lock.*NaN/],
  ['a negative timeout', { timeouts: { idleInTransaction: -1 } }, /timeouts\.idleInTransaction.*-1/],
  ['a timeout too large for PostgreSQL', { timeouts: { statement: 2 ** 31 } }, /timeouts\.statement.*2147483648/],
  ['a readOnly that is neither true nor false', { readOnly: 'yes' }, /readOnly.*"yes"/],
  ['a signal that is none', { signal: {} }, /signal/],
  ['no attempts', { retry: 0 }, /retry.*0/],
  ['half an attempt', { retry: { attempts: 1.5 } }, /retry.*1\.5/],
  ['a retry that is no number', { retry: 'twice' }, /retry.*"twice"/],
  ['a delay that is no number', { retry: { attempts: 2, minDelay: '10' } }, /retry\.minDelay.*"10"/],
  ['a session variable without a proper name', { session: { variables: { 'app tenant': 1 } } }, /"app tenant"/],
  ['a session variable that is an object', { session: { variables: { 'app.tenant': {} } } }, /app\.tenant/],
  ['an empty role', { session: { role: '' } }, /role/],
  ['options that are no object', 'fast', /"fast"/],
];

describe('bad input to a unit of work', () => {
  forEachBank((bank) => {
    for (const [name, options, message] of badOptions) {
      it(`promise 18: ${name} is refused before anything is sent`, async () => {
        const given = options as UnitOfWorkOptions;
        for (const call of [
          () => bank.uow.run(() => undefined, given),
          () => bank.uow.begin(given),
          async () => new BankUnitOfWork(bank.engineFactory, given),
          async () => MikroOrmUnitOfWork.of({}, given),
        ]) {
          const error = await rejection(call());
          expect(error).to.be.instanceOf(ConfigurationError);
          expect(error.message).to.match(message);
        }
        expect(bank.sql()).to.deep.equal([]);
      });
    }

    for (const work of [undefined, null, 'work', {}, Promise.resolve()]) {
      it(`promise 18: run without a function is refused: ${work}`, async () => {
        const error = await rejection(bank.uow.run(work as never));
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.contain('run() needs a function');
        expect(bank.sql()).to.deep.equal([]);
      });
    }

    it('promise 18: callbacks that are no functions are refused, and the unit goes on', async () => {
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        expect(() => u.afterCommit('later' as never)).to.throw(ConfigurationError, 'afterCommit');
        expect(() => u.afterRollback(undefined as never)).to.throw(ConfigurationError, 'afterRollback');
        expect(await rejection(u.run(undefined as never))).to.be.instanceOf(ConfigurationError);
      });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 18: an entity that the engine does not know is refused before anything is sent', async () => {
      const Unknown = defineEntity({ name: 'Unknown', properties: { id: p.integer().primary() } });
      class UnknownRepository extends MikroOrmRepository<object> {
        protected readonly entity = Unknown as never;
      }
      class StrangeUnitOfWork extends MikroOrmUnitOfWork.of({
        accounts: AccountRepository,
        others: UnknownRepository,
      }) {}
      const uow = new StrangeUnitOfWork(bank.engineFactory);
      for (const call of [() => uow.run((u) => u.accounts.create({ owner: 'Ada' })), () => uow.begin()]) {
        const error = await rejection(call());
        expect(error).to.be.instanceOf(ConfigurationError);
        expect(error.message).to.contain('Unknown').and.to.contain('"entities"');
      }
      expect(bank.sql()).to.deep.equal([]);
    });

    it('promise 18: the options that were given are not changed', async () => {
      const options = Object.freeze({
        isolationLevel: 'serializable' as const,
        timeouts: Object.freeze({ statement: 5000 }),
        session: Object.freeze({ variables: Object.freeze({ 'app.tenant': 'a' }) }),
      });
      for (let call = 0; call < 2; call++) {
        await bank.uow.run((u) => u.accounts.count(), options);
      }
    });
  });

  for (const nothing of [undefined, null, {}, 'postgres://localhost']) {
    it(`promise 18: a unit of work without an engine factory is refused: ${nothing}`, () => {
      expect(() => new BankUnitOfWork(nothing as never)).to.throw(ConfigurationError, 'engine factory');
    });
  }
});
