import 'reflect-metadata';

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RollbackEngineFactory, useEngine, useRollback } from 'mikro-orm-uow/testing';
import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';
import { Container } from 'typedi';
import { BankService } from '../bank-service.js';
import { BankUnitOfWork } from '../bank-unit-of-work.js';
import { Refusal } from '../refusal.js';
import { database } from './database.js';

// as the application does it
registerUnitsOfWork(Container, { engine: database, unitsOfWork: [BankUnitOfWork] });
const bank = Container.get(BankService);

describe('BankService, with node:test', () => {
  const rollback = new RollbackEngineFactory(database, { isolationLevel: 'repeatable read' });
  useEngine(Container, rollback, { before, after });
  useRollback(rollback, { beforeEach, afterEach, after });
  after(() => database.dispose());

  const deposit = { reference: 'A-1', from: undefined, to: 'BANK-1', amount: 500n, valueDate: '2026-01-31', note: '' };
  beforeEach(() => bank.open([{ number: 'BANK-1', owner: 'Ada' }]));

  it('books a deposit', async () => {
    assert.equal(await bank.book(deposit), 'booked');
    assert.equal((await bank.books()).balances, 500n);
  });

  it('knows nothing of the deposit in the next test', async () => {
    const withdrawal = { ...deposit, from: 'BANK-1', to: undefined };
    await assert.rejects(bank.book(withdrawal), Refusal);
    assert.equal((await bank.books()).balances, 0n);
  });
});
