import { IsolationLevel, type MikroORM } from '@mikro-orm/core';
import { ConfigurationError } from '../errors.js';
import type { UnitOfWorkOptions } from './options.js';

/** How the transaction of a unit is begun. */
export const beginSettings = (options: UnitOfWorkOptions) => ({
  isolationLevel: options.isolationLevel,
  readOnly: Boolean(options.readOnly),
  deferrable: options.deferrable,
  replica: replicaFor(options),
});

/** From which replica a unit may read; undefined where it is to be the primary. No standby has serializable transactions. */
function replicaFor({
  readOnly,
  isolationLevel,
  deferrable,
}: UnitOfWorkOptions): { readonly after?: string } | undefined {
  if (!readOnly || deferrable || isolationLevel === IsolationLevel.SERIALIZABLE) {
    return undefined;
  }
  if (readOnly === true) {
    return {};
  }
  return 'after' in readOnly && readOnly.after !== undefined ? { after: readOnly.after } : undefined;
}

/** @throws ConfigurationError where the unit may read from a replica, whose locks the primary does not know of */
export function refuseOnReplica({
  options,
  orm,
}: {
  readonly options: UnitOfWorkOptions;
  readonly orm: MikroORM;
}): void {
  if (orm.config.get('replicas', []).length > 0 && replicaFor(options) !== undefined) {
    throw new ConfigurationError(
      'lock() in a unit that reads from a replica would keep nobody out on the primary: open the unit with readOnly: { primary: true }. Nothing was sent.',
    );
  }
}
