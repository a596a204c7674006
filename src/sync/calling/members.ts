import type { UnitStatus } from '../../index.js';
import type { OpenedUnit } from '../protocol.js';

/** Names of members that the synchronous API itself needs of a unit, so that a repository can have any other name. */
export const noteEnd = Symbol('noteEnd');
export const hasEnded = Symbol('hasEnded');
export const callMember = Symbol('callMember');

/** What ending a unit takes of it. */
export interface Endable {
  readonly status: UnitStatus;
  readonly [hasEnded]: boolean;
  [noteEnd](status: UnitStatus): void;
}

/** Where the units that the worker opens are put down. */
export interface UnitBook<Unit extends Endable = Endable> {
  add(opened: OpenedUnit): Unit;
}
