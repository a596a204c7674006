import { setTimeout as pause } from 'node:timers/promises';
import { LockMode, raw } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Account, type BankUnitOfWork, Entry } from '../bank/entities.js';
import type { Random } from '../random.js';
import type { Slip } from './teller.js';

/** The open unit, as `run` hands it out. */
export type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

/** Locks both accounts, in order, and changes the entities; the unit's flush at COMMIT sends what has changed. */
export async function moveLocked(u: Unit, { source, target, amount }: Slip): Promise<void> {
  const options = { orderBy: { id: 'asc' }, lockMode: LockMode.PESSIMISTIC_WRITE } as const;
  // an entity that the session holds already is not read again, unless asked: its balance may be old by now
  const [first, second] = await u.accounts.list({ id: [source, target] }, { ...options, refresh: true });
  if (first === undefined || second === undefined) {
    throw new Error(`The accounts ${source} and ${target} are not there`);
  }
  const [from, to] = first.id === source ? [first, second] : [second, first];
  from.balance -= amount;
  to.balance += amount;
}

/** Reads and changes without a lock: right only where the server finds conflicts by itself (`serializable`). */
export async function moveUnlocked(u: Unit, { source, target, amount }: Slip): Promise<void> {
  const from = await u.accounts.retrieve(source);
  const to = await u.accounts.retrieve(target);
  if (from === null || to === null) {
    throw new Error(`The accounts ${source} and ${target} are not there`);
  }
  from.balance -= amount;
  to.balance += amount;
}

/** Two statements that each change a balance where it is, in whatever order: may deadlock. */
export async function moveInPlace(u: Unit, { source, target, amount }: Slip): Promise<void> {
  await u.session.nativeUpdate(Account, { id: source }, { balance: raw('balance - ?', [amount]) });
  await u.session.nativeUpdate(Account, { id: target }, { balance: raw('balance + ?', [amount]) });
}

export async function enter(u: Unit, { id, source, target, amount }: Slip): Promise<void> {
  await u.journal.create({ id, source, target, amount });
}

/** The same at once, in a statement of its own. */
export async function enterAtOnce(u: Unit, { id, source, target, amount }: Slip): Promise<void> {
  await u.session.insert(Entry, { id, source, target, amount });
}

/** A transfer, by either of the ways that are safe at any isolation level, with its entry before or after. */
export async function transfer(u: Unit, slip: Slip, random: Random): Promise<void> {
  const move = random.chance(0.5) ? moveLocked : moveInPlace;
  const note = random.chance(0.5) ? enter : enterAtOnce;
  const steps = random.chance(0.5) ? [move, note] : [note, move];
  for (const step of steps) {
    await step(u, slip);
    await think(random);
  }
}

/** Sometimes a unit does something else for a moment, with its transaction open. */
export async function think(random: Random): Promise<void> {
  if (random.chance(0.15)) {
    await pause(random.between(0, 15));
  }
}

/** Has the server wait, in a statement. */
export async function sleepOnServer(u: Unit, milliseconds: number): Promise<void> {
  await (u.session as SqlEntityManager).execute(`select pg_sleep(${milliseconds / 1_000})`);
}
