import { IsolationLevel, UniqueConstraintViolationException } from '@mikro-orm/core';
import { Service } from 'typedi';
// biome-ignore lint/style/useImportType: TypeDI needs the class when the program runs
import { BankUnitOfWork } from './bank-unit-of-work.js';
import type { Booking } from './booking.js';
import type { Customer } from './customers.js';
import type { Account } from './entities/account.js';
import { quote } from './money.js';
import { Refusal } from './refusal.js';

/** The books at one moment. Sums are in cents. */
export interface Books {
  readonly accounts: readonly Account[];
  /** What all accounts hold. */
  readonly balances: bigint;
  /** What was booked into the bank less what was booked out of it. */
  readonly booked: bigint;
}

/** What the bank can do. Each method is one unit of work. */
@Service()
export class BankService {
  constructor(private readonly uow: BankUnitOfWork) {}

  /** Opens an account for each customer who has none. */
  async open(customers: readonly Customer[], signal?: AbortSignal): Promise<void> {
    await andAgain(() =>
      this.uow.run(
        async (u) => {
          const present = await u.accounts.list({ number: { $in: customers.map(({ number }) => number) } });
          for (const customer of customers) {
            if (!present.some(({ number }) => number === customer.number)) {
              await u.accounts.create(customer);
            }
          }
        },
        { signal },
      ),
    );
  }

  /**
   * Moves the money and notes the transfer, or does neither. Booking the same again changes nothing.
   *
   * Rejects with Refusal where the bank does not book it, and with the reason of `signal` where that ended it.
   */
  async book(booking: Booking, signal?: AbortSignal): Promise<'booked' | 'already booked'> {
    const { reference, amount, valueDate, note } = booking;
    return andAgain(() =>
      this.uow.run(
        async (u) => {
          const numbers = [booking.from, booking.to].filter((number) => number !== undefined);
          const accounts = await u.accounts.lock(numbers);
          const [from, to] = [booking.from, booking.to].map((number) => accountOf(accounts, number));
          const movement = { from, to, amount, valueDate };
          const known = await u.transfers.retrieve({ reference });
          if (known?.is(movement)) {
            return 'already booked';
          }
          if (known) {
            throw new Refusal(`the reference ${reference} is that of another booking`);
          }
          await u.transfers.create({ reference, ...movement, note });
          to?.deposit(amount);
          from?.withdraw(amount);
          return 'booked';
        },
        { signal },
      ),
    );
  }

  /** All accounts and both sums, as of the same moment, whoever is booking beside. */
  async books(): Promise<Books> {
    return this.uow.run(
      async (u) => {
        const accounts = await u.accounts.list({}, { orderBy: { number: 'asc' } });
        const balances = accounts.reduce((sum, { balance }) => sum + balance, 0n);
        return { accounts, balances, booked: await u.transfers.net() };
      },
      { readOnly: true, isolationLevel: IsolationLevel.REPEATABLE_READ },
    );
  }
}

/** Runs the unit again where another process stored the same at the same time: what it looks for is there then. */
async function andAgain<T>(unit: () => Promise<T>): Promise<T> {
  try {
    return await unit();
  } catch (error) {
    if (error instanceof UniqueConstraintViolationException) {
      return unit();
    }
    throw error;
  }
}

function accountOf(accounts: readonly Account[], number: string | undefined): Account | undefined {
  const account = accounts.find((each) => each.number === number);
  if (number !== undefined && account === undefined) {
    throw new Refusal(`there is no account ${quote(number)}`);
  }
  return account;
}
