import type { TransferUnitOfWork } from './unit-of-work.js';

/** What the service does, whichever framework brings the requests. */
export class Transfers {
  constructor(private readonly uow: TransferUnitOfWork) {}

  /** Moves the amount. Rejects with Refused where the payer has less, or where there is no such account. */
  async transfer(from: string, to: string, amount: number, signal: AbortSignal): Promise<void> {
    await this.uow.run(
      async (u) => {
        const payer = await u.accounts.retrieve({ owner: from });
        const payee = await u.accounts.retrieve({ owner: to });
        if (payer === null || payee === null) {
          throw new Refused('There is no such account.');
        }
        if (payer.balance < amount) {
          throw new Refused('There is not enough on it.');
        }
        payer.balance -= amount;
        payee.balance += amount;
      },
      { signal },
    );
  }

  /** What all have together, slowly: a report that takes its time, so that clients go away. */
  async total(seconds: number, signal: AbortSignal): Promise<number> {
    return this.uow.run(
      async (u) => {
        const [row] = await u.session.execute<{ total: number }[]>(
          'select sum(balance)::int as total, pg_sleep(?) from account',
          [seconds],
        );
        return row?.total ?? 0;
      },
      { readOnly: true, isolationLevel: 'read committed', signal },
    );
  }
}

/** The bank says no: answer it with 409. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** A transfer, as a request asks for it. Throws a TypeError where it does not: answer that with 400. */
export function transferOf(body: unknown): { from: string; to: string; amount: number } {
  const { from, to, amount } = (body ?? {}) as Record<string, unknown>;
  if (typeof from !== 'string' || typeof to !== 'string' || !Number.isSafeInteger(amount) || Number(amount) <= 0) {
    throw new TypeError('A transfer has "from", "to" and a whole "amount" above 0.');
  }
  return { from, to, amount: Number(amount) };
}

/** Seconds that a report takes, as the address asks for them. */
export const secondsOf = (text: unknown): number => Math.min(Math.max(Number(text) || 0, 0), 60);
