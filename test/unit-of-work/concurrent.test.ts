import { expect } from 'chai';
import { forEachBank, useBank } from '../support/bank-database.js';

describe('one declared unit of work, many calls', () => {
  const fails = (n: number) => n % 5 === 0;
  const count = 200;
  const kept = Array.from({ length: count }, (_, n) => n).filter((n) => !fails(n));

  forEachBank((bank) => {
    it('promise 2: 200 concurrent runs each have their own rows, none mixed up', async () => {
      const uow = bank.uow;
      const one = async (n: number): Promise<string[]> =>
        uow.run(async (u) => {
          const account = await u.accounts.create({ owner: `owner ${n}`, balance: n });
          await u.flush();
          const own = await u.accounts.retrieve({ owner: `owner ${n}` });
          expect(own).to.equal(account);
          await u.accounts.update(account, { balance: n + 1000 });
          await u.transfers.create({ from: account, to: account, amount: n });
          if (fails(n)) {
            throw new Error(`failed ${n}`);
          }
          return (await u.transfers.list({ from: account })).map(({ amount, from }) => `${from.owner}: ${amount}`);
        });
      const results = await Promise.allSettled(Array.from({ length: count }, (_, n) => one(n)));
      results.forEach((result, n) => {
        const outcome = result.status === 'fulfilled' ? result.value : (result.reason as Error).message;
        expect(outcome).to.deep.equal(fails(n) ? `failed ${n}` : [`owner ${n}: ${n}`]);
      });
      const stored = await bank.rows(
        'select owner, balance, amount from account a join transfer t on t.from_id = a.id order by amount',
      );
      const expected = kept.map((n) => ({ owner: `owner ${n}`, balance: n + 1000, amount: n }));
      expect(stored).to.deep.equal(expected);
      expect(await bank.rows('select * from account')).to.have.length(kept.length);
    }).timeout(60_000);

    it('promise 2: begin and run at the same time are independent', async () => {
      const begun = Array.from({ length: 20 }, async (_, n) => {
        const u = await bank.uow.begin();
        await u.accounts.create({ owner: `begun ${n}` });
        await (fails(n) ? u.rollback() : u.commit());
        return u.status;
      });
      const run = Array.from({ length: 20 }, (_, n) =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: `run ${n}` });
          return u.status;
        }),
      );
      const statuses = await Promise.all([...begun, ...run]);
      expect(statuses.filter((status) => status === 'rolled-back')).to.have.length(4);
      expect(await bank.rows('select * from account')).to.have.length(36);
    });
  });

  describe('on the wire', () => {
    const bank = useBank('postgresql');

    it('promise 2: 200 runs use no more than the 4 connections of the pool, one transaction after the other', async () => {
      await Promise.all(
        Array.from({ length: count }, (_, n) =>
          bank.uow.run(async (u) => {
            await u.accounts.create({ owner: `owner ${n}` });
            await u.flush();
            await u.rates.create({ base: `b${n}`, quote: 'q', value: n });
          }),
        ),
      );
      const connections = bank.sentByConnection();
      expect(connections).to.have.length(4);
      for (const sent of connections) {
        for (let first = 0; first < sent.length; first += 4) {
          expect(sent.slice(first, first + 4)).to.deep.equal(['begin', 'insert account', 'insert rate', 'commit']);
        }
      }
      for (const sql of bank.proxy.sqlByConnection()) {
        const numbers = sql.map((text) => /owner (\d+)|'b(\d+)'/.exec(text)).filter((found) => found !== null);
        for (let index = 0; index < numbers.length; index += 2) {
          expect(numbers[index]?.[1]).to.equal(numbers[index + 1]?.[2]);
        }
      }
    });
  });
});
