import { type Channel, tracingChannel } from 'node:diagnostics_channel';
import { expect } from 'chai';
import type { CommitMessage, ConnectionMessage, RetryMessage, StatementMessage, UnitMessage } from '../../src/index.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

type Heard<Message> = Message & { readonly error?: unknown };

/** What a tracing channel tells at the end of each operation while `work` runs. */
async function heard<Message>(
  name: string,
  work: (soFar: readonly Heard<Message>[]) => Promise<unknown>,
): Promise<Heard<Message>[]> {
  const channel: Channel = tracingChannel<object, object>(`mikro-orm-uow:${name}`).asyncEnd;
  const messages: Heard<Message>[] = [];
  const listen = (message: unknown): void => {
    messages.push(message as Heard<Message>);
  };
  channel.subscribe(listen);
  try {
    await work(messages);
  } finally {
    channel.unsubscribe(listen);
  }
  return messages;
}

const pick = ({ name, attempt, propagation, isInner, status, statements, rows }: UnitMessage) => ({
  name,
  attempt,
  propagation,
  isInner,
  status,
  statements,
  rows: { ...rows },
});

forEachBank((bank, engine) => {
  describe('promise 26: the channel of units', () => {
    it('tells of a unit what it was, how it ended, and what it did', async () => {
      const [message, ...others] = await heard<UnitMessage>('unit', () =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada', balance: 10 });
          await u.accounts.create({ owner: 'Grace', balance: 10 });
          await u.flush();
          const [ada] = await u.accounts.list({ owner: 'Ada' });
          if (ada) {
            ada.balance = 11;
          }
        }),
      );
      expect(others).to.deep.equal([]);
      expect(message && pick(message)).to.deep.equal({
        name: 'BankUnitOfWork',
        attempt: 1,
        propagation: 'nested',
        isInner: false,
        status: 'committed',
        statements: 3,
        rows: { Account: 3 },
      });
      expect(message?.engine).to.equal((await bank.engineFactory.create()).config);
      expect(message?.roundTrips).to.equal(4);
      expect(message?.held).to.be.greaterThan(0);
      expect(message?.waited).to.be.at.least(0);
      expect(message?.error).to.equal(undefined);
    });

    it('tells of inner units apart, and before the outer one', async () => {
      const messages = await heard<UnitMessage>('unit', () =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await rejection(
            u.run(async (inner) => {
              await inner.accounts.create({ owner: 'Grace' });
              await inner.flush();
              throw new Error('undo');
            }),
          );
        }),
      );
      expect(messages.map((message) => [message.isInner, message.status, message.rows])).to.deep.equal([
        [true, 'rolled-back', { Account: 1 }],
        [false, 'committed', { Account: 2 }],
      ]);
      expect(messages[0]?.error).to.have.property('message', 'undo');
    });

    it('tells of each run of a unit that runs again, and of the pauses', async () => {
      const again = Object.assign(new Error('again'), { code: '40001' });
      let units: UnitMessage[] = [];
      const retries = await heard<RetryMessage>('retry', async () => {
        units = await heard<UnitMessage>('unit', () =>
          bank.uow.run(
            async (u) => {
              if (u.attempt < 3) {
                throw again;
              }
            },
            { retry: { attempts: 3, minDelay: 0 }, name: 'Repeated' },
          ),
        );
      });
      expect(units.map(({ name, attempt, status }) => ({ name, attempt, status }))).to.deep.equal([
        { name: 'Repeated', attempt: 1, status: 'rolled-back' },
        { name: 'Repeated', attempt: 2, status: 'rolled-back' },
        { name: 'Repeated', attempt: 3, status: 'committed' },
      ]);
      expect(retries.map(({ name, attempt, reason }) => ({ name, attempt, reason }))).to.deep.equal([
        { name: 'Repeated', attempt: 1, reason: again },
        { name: 'Repeated', attempt: 2, reason: again },
      ]);
    });

    it('tells of a unit that sent nothing', async () => {
      const [message] = await heard<UnitMessage>('unit', () => bank.uow.run(async () => undefined));
      expect(message).to.include({ status: 'committed', statements: 0, roundTrips: 0, waited: 0, held: 0 });
    });

    it('tells of one that was begun', async () => {
      const messages = await heard<UnitMessage>('unit', async (soFar) => {
        const u = await bank.uow.begin();
        await u.accounts.count();
        await u.rollback();
        await waitFor(() => soFar.length > 0);
      });
      expect(messages.map(({ status, statements }) => ({ status, statements }))).to.deep.equal([
        { status: 'rolled-back', statements: 1 },
      ]);
    });
  });

  describe('promise 26: the channel of statements', () => {
    it('tells of each statement with what travels along, its rows, and its SQLSTATE', async () => {
      const messages = await heard<StatementMessage>('statement', async () => {
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.flush();
          await u.session
            .getKysely<{ account: { owner: string } }>()
            .selectFrom('account')
            .selectAll()
            .where('owner', '=', 'x')
            .execute();
        });
        await rejection(bank.uow.run((u) => u.session.execute('select 1 / 0')));
      });
      expect(
        messages.map(({ sql, before, parameters, rows, failure }) => [
          shortened(sql),
          before,
          parameters,
          rows,
          failure,
        ]),
      ).to.deep.equal([
        ['insert into', ['begin'], 0, 1, undefined],
        ['select *', [], 1, 0, undefined],
        ['commit', [], 0, 0, undefined],
        ['select 1', ['begin'], 0, undefined, '22012'],
        ['rollback', [], 0, 0, undefined],
      ]);
    });
  });

  describe('promise 26: the channel of connections', () => {
    it('tells of each that is taken, and whether it was there before', async () => {
      await bank.engineFactory.dispose(); // with its connections
      const messages = await heard<ConnectionMessage>('connection', async () => {
        await bank.uow.run((u) => u.accounts.count());
        await bank.uow.run((u) => u.accounts.count());
        await bank.uow.run(async () => undefined);
      });
      expect(messages.map(({ kind, reused }) => ({ kind, reused }))).to.deep.equal([
        { kind: 'taken', reused: false },
        { kind: 'taken', reused: engine === 'postgresql' },
      ]);
      expect(messages.every(({ waited = -1 }) => waited >= 0)).to.equal(true);
    });
  });

  describe('promise 26: the channel of COMMIT', () => {
    it('tells how it ended, and how that was learnt', async () => {
      const messages = await heard<CommitMessage>('commit', async () => {
        await bank.uow.run((u) => u.accounts.count());
        await rejection(
          bank.uow.run(async (u) => {
            await u.session.execute(
              'create table told_at_commit (id int, constraint once unique (id) deferrable initially deferred)',
            );
            await u.session.execute('insert into told_at_commit values (1), (1)');
          }),
        );
      });
      expect(messages.map(({ outcome, learnt }) => ({ outcome, learnt }))).to.deep.equal([
        { outcome: 'committed', learnt: 'answer' },
        { outcome: 'rolled-back', learnt: 'answer' },
      ]);
    });
  });
});

const shortened = (sql: string): string => sql.split(' ', 2).join(' ');

describe('promise 26: where nobody listens', () => {
  const bank = useBank('postgresql');

  it('nothing is made for the channels', async () => {
    const names = ['unit', 'statement', 'connection', 'retry', 'commit'];
    const traced: string[] = [];
    const restore = names.map((name) => {
      const channel = tracingChannel<object, object>(`mikro-orm-uow:${name}`);
      // whoever makes a message publishes it, with or without subscribers
      channel.start.publish = () => void traced.push(name);
      return () => Reflect.deleteProperty(channel.start, 'publish');
    });
    await bank.uow.run(
      async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.run((inner) => inner.accounts.count());
        if (u.attempt === 1) {
          throw Object.assign(new Error('again'), { code: '40001' });
        }
      },
      { retry: { attempts: 2, minDelay: 0 } },
    );
    for (const undo of restore) {
      undo();
    }
    expect(traced).to.deep.equal([]);
    expect(names.map((name) => tracingChannel(`mikro-orm-uow:${name}`).hasSubscribers)).to.deep.equal(
      names.map(() => false),
    );
  });
});

describe('promise 26: channels where connections are lost', () => {
  const bank = useBank('postgresql');

  it('tell of a COMMIT whose answer was lost, and of the connection', async () => {
    let commits: CommitMessage[] = [];
    const connections = await heard<ConnectionMessage>('connection', async () => {
      commits = await heard<CommitMessage>('commit', () =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          bank.proxy.loseReply(/^commit/i);
        }),
      );
    });
    expect(commits.map(({ outcome, learnt }) => ({ outcome, learnt }))).to.deep.equal([
      { outcome: 'committed', learnt: 'question' },
    ]);
    expect(connections.map(({ kind }) => kind)).to.deep.equal(['taken', 'lost']);
    expect(connections[1]?.reason).to.be.instanceOf(Error);
    expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
  });

  it('tell of a dead connection that is replaced', async () => {
    await bank.uow.run((u) => u.accounts.count());
    bank.proxy.closeAfter(/insert/);
    const messages = await heard<ConnectionMessage>('connection', () =>
      bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
      }),
    ).catch((error) => error);
    const kinds = (messages as ConnectionMessage[]).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind !== 'lost')).to.deep.equal(['taken', 'replaced', 'taken']);
  });
});
