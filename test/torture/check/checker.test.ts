import { expect } from 'chai';
import type { Outage } from '../agent/outages.js';
import { openingBalance, type Transfer, takenId } from '../bank/schema.js';
import type { Line, Outcome } from '../log.js';
import { check } from './checker.js';
import type { Evidence, StoredEntry } from './evidence.js';

const at = 1_000_000;
const transfer: Transfer = { source: 1, target: 2, amount: 30 };

/** What one client has written down of one transfer. */
const lines = (id: string, what: Outcome | undefined, hooks = what === 'committed' ? 1 : 0): Line[] => [
  { is: 'begun', id, kind: 'plain', at, transfer, hooked: true },
  ...Array.from({ length: hooks }, (): Line => ({ is: 'hook', id, at })),
  ...(what === undefined ? [] : [{ is: 'told', id, what, at } as const]),
];
const entry = (id: string): StoredEntry => ({ id, ...transfer });
const taken: StoredEntry = { id: takenId, source: 1, target: 1, amount: 0 };

/** A bank in which so many of the transfers have taken place. */
const bank = (times: number): Map<number, number> =>
  new Map([
    [1, openingBalance - 30 * times],
    [2, openingBalance + 30 * times],
    [3, openingBalance],
  ]);

const whatIsWrong = (evidence: Partial<Evidence> & { log?: Line[] }): string[] =>
  check({
    logs: new Map([['client1', evidence.log ?? []]]),
    journal: [taken],
    balances: bank(0),
    outages: [],
    ...evidence,
  }).map(({ what }) => what);

describe('promise 8: the check of the torture', () => {
  const stored = { journal: [taken, entry('a')], balances: bank(1) };

  it('finds nothing wrong where the clients were told the truth', () => {
    const outages: Outage[] = [{ why: 'down', from: at - 3_000, to: at, restarted: false }];
    const log = [
      ...lines('a', 'committed'),
      ...lines('b', 'rolled-back'),
      ...lines('c', 'unknown'),
      ...lines('d', 'unknown'),
    ];
    const journal = [taken, entry('a'), entry('c')];
    expect(whatIsWrong({ log, journal, balances: bank(2), outages })).to.deep.equal([]);
  });

  it('finds what was told committed and is not there', () => {
    expect(whatIsWrong({ log: lines('a', 'committed') })).to.deep.equal([
      'plain: told committed, but nothing is stored',
    ]);
  });

  it('finds what was told rolled back and is there', () => {
    expect(whatIsWrong({ log: lines('a', 'rolled-back'), ...stored })[0]).to.match(/told rolled back .* it is stored/);
  });

  it('finds what nobody was told of, or was told twice', () => {
    expect(whatIsWrong({ log: lines('a', undefined), ...stored })[0]).to.match(/told 0 times/);
    expect(whatIsWrong({ log: lines('a', undefined) })[0]).to.match(/told 0 times/);
    const twice = [...lines('a', 'committed'), ...lines('a', 'committed').slice(-1)];
    expect(whatIsWrong({ log: twice, ...stored })[0]).to.match(/told 2 times/);
  });

  it('finds callbacks that ran without a commit, or twice, or not at all', () => {
    expect(whatIsWrong({ log: lines('a', 'committed', 0), ...stored })[0]).to.match(
      /callback after COMMIT ran 0 times/,
    );
    expect(whatIsWrong({ log: lines('a', 'rolled-back', 1) })[0]).to.match(/callback after COMMIT ran 1 times/);
    expect(whatIsWrong({ log: lines('a', 'committed', 2), ...stored })[0]).to.match(
      /callback after COMMIT ran 2 times/,
    );
  });

  it('finds entries of nobody, of two clients, and others than were begun', () => {
    expect(whatIsWrong(stored)).to.deep.equal(['stored, but nobody has begun it']);
    const logs = new Map([
      ['client1', lines('a', 'committed')],
      ['client2', lines('a', 'committed')],
    ]);
    expect(whatIsWrong({ logs, ...stored }).join()).to.match(/begun by client1, and again by client2/);
    const journal = [taken, { ...entry('a'), amount: 31 }];
    expect(whatIsWrong({ log: lines('a', 'committed'), journal }).join()).to.match(/stored as .*31/);
  });

  it('finds transfers that are there by half, twice, or not at all', () => {
    const log = lines('a', 'committed');
    const half = new Map([...bank(0), [2, openingBalance + 30]]);
    expect(whatIsWrong({ log, journal: stored.journal, balances: half }).join()).to.match(/sum of balances is 3030/);
    expect(whatIsWrong({ log, journal: stored.journal, balances: bank(2) })).to.have.length(2);
    expect(whatIsWrong({ log, journal: stored.journal, balances: bank(0) })).to.have.length(2);
  });

  it('finds what a client itself saw broken', () => {
    expect(whatIsWrong({ log: [{ is: 'broken', id: 'client1', at, what: 'a warning' }] })[0]).to.match(
      /saw: a warning/,
    );
  });

  describe('of an unknown outcome', () => {
    const log = lines('a', 'unknown');
    const down = (from: number, to: number): Outage => ({
      why: 'down',
      from: at + from,
      to: at + to,
      restarted: false,
    });

    it('takes no excuse where the server was there', () => {
      expect(whatIsWrong({ log })[0]).to.match(/unknown .* there for 3000 ms/);
      expect(whatIsWrong({ log, outages: [down(-9_000, -2_900)] })[0]).to.match(/there for 2900 ms/);
      expect(whatIsWrong({ log, outages: [down(-100, 5_000)] })[0]).to.match(/there for 2900 ms/);
      expect(whatIsWrong({ log, outages: [down(1, 5_000)] })[0]).to.match(/there for 3000 ms/);
    });

    it('takes one where it was restarted since the unit had begun', () => {
      const told: Line[] = [...lines('a', undefined), { is: 'told', id: 'a', what: 'unknown', at: at + 9_000 }];
      const restarted = (from: number, to: number): Outage => ({ ...down(from, to), restarted: true });
      expect(whatIsWrong({ log: told, outages: [restarted(100, 200)] })).to.deep.equal([]);
      expect(whatIsWrong({ log: told, outages: [restarted(-200, -100)] })[0]).to.match(/unknown/);
      expect(whatIsWrong({ log: told, outages: [restarted(9_100, 9_200)] })[0]).to.match(/unknown/);
    });

    it('takes one where it was there for moments only', () => {
      expect(whatIsWrong({ log, outages: [down(-9_000, -1_000)] })).to.deep.equal([]);
      expect(whatIsWrong({ log, outages: [down(-2_000, -1_900), down(-1_000, 0)] })).to.deep.equal([]);
      expect(whatIsWrong({ log, outages: [down(-1_000, 0), down(-2_000, -1_900)] })).to.deep.equal([]);
    });
  });
});
