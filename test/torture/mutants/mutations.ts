import type { FaultName } from '../agent/agent.js';

/** A way to break the library, and what the check has to say of it. */
export interface Mutation {
  readonly name: string;
  /** By compiled file: what is replaced by what. */
  readonly changes: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;
  readonly caught: RegExp;
  /** The faults that show it, where it takes one that is rare. */
  readonly faults?: readonly FaultName[];
}

const lost = /told committed, but nothing is stored/;
const leaked = /told rolled back .*but it is stored/;

export const mutations: readonly Mutation[] = [
  {
    name: 'a lost COMMIT counts as committed',
    changes: { 'postgres/transaction/commit-outcome.js': [["return status === 'committed'", 'return true']] },
    caught: lost,
  },
  {
    name: 'a lost COMMIT counts as rolled back',
    changes: { 'postgres/transaction/commit-outcome.js': [["return status === 'committed'", 'return false']] },
    caught: leaked,
  },
  {
    name: 'the server is never asked about a lost COMMIT',
    changes: {
      'postgres/transaction/commit-outcome.js': [
        ['const deadline =', "throw new CommitOutcomeUnknownError('never asked', { cause });\nconst deadline ="],
      ],
    },
    caught: /unknown .*though the server was there/,
  },
  {
    name: 'what is still in progress counts as rolled back',
    changes: {
      'postgres/transaction/commit-outcome.js': [
        ["status === 'committed' || status === 'aborted'", "['committed', 'aborted', 'in progress'].includes(status)"],
      ],
    },
    caught: leaked,
  },
  {
    name: 'transaction ids are believed to be the same after a crash',
    changes: {
      'postgres/transaction/commit-outcome.js': [["else 'another run' end", 'else pg_xact_status($1::xid8) end']],
    },
    caught: lost,
    faults: ['crashUnnoticed'],
  },
  {
    name: 'COMMIT is sent again on another connection',
    changes: {
      'postgres/transaction/transaction-end.js': [
        [
          'await this.#settle(connectionLost(error), message)',
          "this.#channel.connection.replace(); await (await this.#channel.connection.connect()).execute('commit')",
        ],
      ],
    },
    caught: lost,
  },
  {
    name: 'a statement is sent again on another connection, whatever went before it',
    changes: {
      'postgres/transaction/transaction-channel.js': [
        ['!first || !outcome?.lost || outcome.answered', '!outcome?.lost'],
      ],
    },
    caught: leaked,
  },
  {
    name: 'a COMMIT that PostgreSQL answers with ROLLBACK is believed',
    changes: {
      'postgres/transaction/transaction-end.js': [["result?.command === 'ROLLBACK'", 'false']],
      'postgres/transaction/transaction.js': [['this.#state.dead || this.#state.aborted', 'this.#state.dead']],
    },
    caught: lost,
  },
  {
    name: 'ROLLBACK is never sent, and the connection goes back with its transaction',
    changes: {
      'postgres/transaction/transaction-end.js': [
        ["await session.execute('rollback', [], { prompt: true, puttingBack: this.#channel.putsBack })", '{}'],
      ],
      'postgres/pool/lease.js': [["this.#running.size > 0 || this.status !== 'I'", 'this.#running.size > 0']],
    },
    caught: leaked,
  },
  {
    name: 'ROLLBACK TO SAVEPOINT is never sent',
    changes: {
      'postgres/transaction/transaction.js': [['!controls.rollbackTo(name)', 'true']],
    },
    caught: leaked,
  },
  {
    name: 'statements that come after the end are let through',
    changes: {
      'session/unit-session.js': [['if (refusal !== undefined)', 'if (false)']],
      'postgres/transaction/scope.js': [['assertOpen() {', 'assertOpen() { return;']],
      'postgres/transaction/transaction-state.js': [
        ['assertNotEnding() {', 'assertNotEnding() { return;'],
        ['assertAlive() {', 'assertAlive() { return;'],
      ],
      'unit-of-work/unit.js': [['#refusalHere() {', '#refusalHere() { return undefined;']],
    },
    caught: leaked,
  },
  {
    name: 'an inner unit that fails in the shared transaction dooms nothing',
    changes: { 'unit-of-work/unit.js': [['this.state.doom(innerFailed(error))', 'void error']] },
    caught: /it had to be refused/,
  },
  {
    name: 'callbacks run though nothing is stored',
    changes: { 'unit-of-work/conduct.js': [['hooks.run(status, failure?.error)', "hooks.run('committed')"]] },
    caught: /its callback after COMMIT ran 1 times/,
  },
  {
    name: 'what was stored runs again',
    changes: {
      'unit-of-work/retry.js': [
        ['!run.mayRunAgain || !(isTransient(error, options.optimistic) || isReason(error, options))', 'false'],
      ],
      'postgres/transaction/commit-outcome.js': [["return status === 'committed'", 'return false']],
    },
    caught: leaked,
  },
  {
    name: 'a connection that broke never goes back to the pool',
    changes: { 'postgres/pool/lease.js': [['this.#return(cause);', 'void cause;']] },
    caught: /its pool is not whole|a unit never settles/,
  },
  {
    name: 'the timer of a wait is left behind when the engine is disposed of',
    changes: { 'engine/health.js': [['timer.abort();', '']] },
    caught: /keeps the process alive/,
  },
  {
    name: 'the key of a unit does not tell whether it was stored',
    changes: {
      'unit-of-work/once/once.js': [
        ['await once.settle(unit, performance.now() + patienceOf(orm))', 'await Promise.reject()'],
      ],
    },
    caught: /unknown .*though the server was there/,
    // the ids tell nothing any more, and there is no outage that would excuse it
    faults: ['resetStatistics'],
  },
];
