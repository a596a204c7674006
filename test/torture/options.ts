import { parseArgs } from 'node:util';
import { type FaultName, faultNames } from './agent/agent.js';
import type { Lie } from './client/teller.js';

/** How clients reach the server: past nothing, through PgBouncer, or with a standby that may take over. */
export const ways = ['direct', 'pgbouncer', 'standby'] as const;
export type Way = (typeof ways)[number];

/** What the command line asks for. */
export interface TortureOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly clients: number;
  readonly workers: number;
  readonly poolSize: number;
  /** How long a round lasts, after which everything is checked. */
  readonly roundSeconds: number;
  readonly lie: Lie | undefined;
  /** The faults that may happen. */
  readonly faults: readonly FaultName[];
  /** One a round, in turn. */
  readonly ways: readonly Way[];
}

export const usage = `npm run torture -- [options]
  --minutes N   how long (1)
  --seed S      what the schedule of faults and transfers is drawn from (a new one each time)
  --clients N   processes that make transfers (3)
  --workers N   units that each has open at a time (4)
  --pool N      connections that each has (3)
  --round N     seconds after which everything is checked (60)
  --lie OUTCOME has each client lie now and then about what it was told, to test the check
  --ways A,B    of ${ways.join(', ')}; they take turns, a round each (all)
  --faults A,B  only these of: ${faultNames.join(', ')}`;

/** @throws Error where the command line makes no sense */
export function readOptions(args: readonly string[]): TortureOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      clients: { type: 'string', default: '3' },
      workers: { type: 'string', default: '4' },
      pool: { type: 'string', default: '3' },
      round: { type: 'string', default: '60' },
      lie: { type: 'string' },
      faults: { type: 'string', default: faultNames.join() },
      ways: { type: 'string', default: ways.join() },
    },
  });
  const positive = (name: 'minutes' | 'clients' | 'workers' | 'pool' | 'round'): number => {
    const value = Number(values[name]);
    if (!(value > 0) || (name !== 'minutes' && !Number.isInteger(value))) {
      throw new Error(`--${name} must be a positive ${name === 'minutes' ? '' : 'whole '}number\n${usage}`);
    }
    return value;
  };
  const { lie } = values;
  if (lie !== undefined && lie !== 'committed' && lie !== 'rolled-back' && lie !== 'unknown') {
    throw new Error(`--lie must be committed, rolled-back or unknown\n${usage}`);
  }
  const faults = values.faults.split(',').filter((name): name is FaultName => faultNames.includes(name as FaultName));
  if (faults.join() !== values.faults) {
    throw new Error(`--faults names one that there is not\n${usage}`);
  }
  const wanted = values.ways.split(',').filter((name): name is Way => ways.includes(name as Way));
  if (wanted.join() !== values.ways) {
    throw new Error(`--ways names one that there is not\n${usage}`);
  }
  return {
    minutes: positive('minutes'),
    seed: values.seed,
    clients: positive('clients'),
    workers: positive('workers'),
    poolSize: positive('pool'),
    roundSeconds: positive('round'),
    lie,
    faults,
    ways: wanted,
  };
}
