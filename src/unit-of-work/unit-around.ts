import type { MikroORM } from '@mikro-orm/core';
import { sessionAround } from '../session/in-transaction.js';
import { unitEnclosureOf } from './enclosure.js';
import type { Launch } from './launch.js';
import { PlainUnit } from './plain-unit.js';
import type { Unit, UnitSetup } from './unit.js';
import { unitsAround } from './unit-context.js';

/** The innermost open unit on this engine: around the running code, but not further out than `inside`. */
export function unitAround(
  orm: MikroORM,
  { engineFactory, inside }: Pick<Launch, 'engineFactory' | 'inside'>,
  nest: UnitSetup['nest'],
): Unit | undefined {
  const enclosure = unitEnclosureOf(engineFactory);
  let nearest: Unit | undefined;
  let surrounds = inside === undefined;
  for (const unit of unitsAround()) {
    if (unit.orm === orm && unit !== enclosure?.unit && unit.joinable) {
      nearest ??= unit;
    }
    if (unit === inside) {
      surrounds = true;
      break;
    }
  }
  // a unit that was opened by `begin` is not around the code that opened it
  let found = surrounds ? (nearest ?? inside) : inside;
  const session = sessionAround(orm);
  if (session !== undefined && !found?.worksIn(session)) {
    const unit = PlainUnit.of(session, orm, engineFactory, nest);
    found = unit?.place.kind === 'plain' && unit.joinable ? unit : found;
  }
  if (found !== undefined && !found.joinable) {
    throw found.closedError();
  }
  return found?.transactional ? found : undefined;
}
