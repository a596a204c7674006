import { IsolationLevel } from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';
import { sessionContext, type UnitOfWorkOptions } from './options.js';

/**
 * Refuses options that an inner unit can't have, for the transaction that it takes part in was begun with others.
 * PostgreSQL would ignore them, or let them outlive the inner unit.
 */
export function refuseContradiction(inner: UnitOfWorkOptions, outer: UnitOfWorkOptions): void {
  const level = outer.isolationLevel ?? IsolationLevel.READ_COMMITTED;
  if (inner.isolationLevel !== undefined && inner.isolationLevel !== level) {
    refuse('isolationLevel', inner.isolationLevel, level);
  }
  if (inner.readOnly !== undefined && inner.readOnly !== (outer.readOnly ?? false)) {
    refuse('readOnly', inner.readOnly, outer.readOnly ?? false);
  }
  const [wanted, present] = [sessionContext(inner), sessionContext(outer)];
  if (wanted?.role !== undefined && wanted.role !== present?.role) {
    refuseSetting('session.role');
  }
  for (const [name, value] of Object.entries(wanted?.variables ?? {})) {
    const outside = (present?.variables as Record<string, unknown> | undefined)?.[name];
    if (String(outside) !== String(value)) {
      refuseSetting(`"${name}"`);
    }
  }
}

function refuse(option: string, inner: unknown, outer: unknown): never {
  throw new ConfigurationError(
    `An inner unit of work asks for ${option} "${String(inner)}", but shares the transaction of the unit around it, where it is "${String(outer)}". Set it on the outer unit, or give the inner one the propagation "requires_new". Nothing was sent.`,
  );
}

/** Values of variables, and roles, are nothing for a message. */
function refuseSetting(setting: string): never {
  throw new ConfigurationError(
    `An inner unit of work asks for another ${setting} than the unit around it has, and shares its transaction. Set it on the outer unit, or give the inner one the propagation "requires_new". Nothing was sent.`,
  );
}
