import 'reflect-metadata';

import { expect } from 'chai';
import { RollbackEngineFactory, useRollback } from 'mikro-orm-uow/testing';
import { registerUnitsOfWork } from 'mikro-orm-uow/typedi';
import { ContainerInstance } from 'typedi';
import { BankService } from '../bank-service.js';
import { BankUnitOfWork } from '../bank-unit-of-work.js';
import type { Booking } from '../booking.js';
import { Refusal } from '../refusal.js';
import { database } from './database.js';

describe('BankService', () => {
  // books() asks for this level, which all that happens in one transaction has to share
  const rollback = new RollbackEngineFactory(database, { isolationLevel: 'repeatable read' });
  let bank: BankService;

  before(function () {
    this.timeout(60_000); // the migrations
    const container = new ContainerInstance('BankService');
    registerUnitsOfWork(container, { engine: rollback, unitsOfWork: [BankUnitOfWork] });
    bank = container.get(BankService);
    return database.create();
  });
  after(() => database.dispose());
  useRollback(rollback);

  const [ada, grace] = ['BANK-1', 'BANK-2'];
  const booking = (changes: Partial<Booking> = {}): Booking => ({
    reference: 'A-1',
    from: undefined,
    to: ada,
    amount: 500n,
    valueDate: '2026-01-31',
    note: '',
    ...changes,
  });
  const balances = async () => (await bank.books()).accounts.map(({ balance }) => balance);
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => expect.fail('it was booked'),
      (error) => expect(error).to.be.instanceOf(Refusal),
    );

  beforeEach(() =>
    bank.open([
      { number: ada, owner: 'Ada' },
      { number: grace, owner: 'Grace' },
    ]),
  );

  it('opens an account once, however often it is asked to', async () => {
    await bank.open([{ number: grace, owner: 'Somebody else' }]);
    const { accounts } = await bank.books();
    expect(accounts.map(({ owner }) => owner)).to.deep.equal(['Ada', 'Grace']);
  });

  it('moves money into the bank, from account to account, and out of it', async () => {
    expect(await bank.book(booking())).to.equal('booked');
    await bank.book(booking({ reference: 'A-2', from: ada, to: grace, amount: 200n }));
    await bank.book(booking({ reference: 'A-3', from: grace, to: undefined, amount: 50n }));
    expect(await balances()).to.deep.equal([300n, 150n]);
    const books = await bank.books();
    expect([books.balances, books.booked]).to.deep.equal([450n, 450n]);
  });

  it('books the same only once', async () => {
    await bank.book(booking());
    expect(await bank.book(booking())).to.equal('already booked');
    await refusal(bank.book(booking({ amount: 501n })));
    expect(await balances()).to.deep.equal([500n, 0n]);
  });

  it('leaves nothing of a booking that it refuses', async () => {
    await bank.book(booking());
    await refusal(bank.book(booking({ reference: 'A-2', from: ada, to: grace, amount: 501n })));
    await refusal(bank.book(booking({ reference: 'A-3', to: 'BANK-9' })));
    expect(await balances()).to.deep.equal([500n, 0n]);
    expect((await bank.books()).booked).to.equal(500n);
  });

  it('begins each test without the bookings of the others', async () => {
    expect(await balances()).to.deep.equal([0n, 0n]);
  });

  it('leaves a booking that was cancelled unbooked', async () => {
    const reason = new Error('no longer wanted');
    const error = await bank.book(booking(), AbortSignal.abort(reason)).catch((caught) => caught);
    expect(error).to.equal(reason);
    expect(await balances()).to.deep.equal([0n, 0n]);
  });
});
