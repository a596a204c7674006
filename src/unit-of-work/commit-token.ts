import type { SqlEntityManager } from '@mikro-orm/sql';
import { ConfigurationError } from '../errors.js';
import { formatToken, type LogPosition, POSITION } from '../postgres/replicas/commit-token.js';
import { isOutermost } from './place.js';
import type { Unit } from './unit.js';

/** Where the primary's log stands, after the unit's COMMIT. */
export async function commitTokenOf(unit: Unit): Promise<string> {
  if (!isOutermost(unit.place) && unit.place.kind !== 'plain') {
    throw new ConfigurationError(
      'commitToken() is of the outermost unit: an inner one is stored with that. Nothing was sent.',
    );
  }
  if (unit.status !== 'committed') {
    throw unit.closedError();
  }
  const connection = (unit.orm.em as SqlEntityManager).getConnection('write');
  return formatToken(await connection.execute<LogPosition>(POSITION, [], 'get'));
}
