import { type EntityProperty, isRaw, ReferenceKind } from '@mikro-orm/core';
import { columnsOf, type Meta } from '../../session/metadata.js';

type Values = Readonly<Record<string, unknown>>;

/** Data with the columns that embedded objects of it have in the row itself: what is null are columns that are null. */
export const inColumns = ({ properties }: Meta, data: Values): Record<string, unknown> =>
  Object.fromEntries(Object.entries(data).flatMap(([name, value]) => columnValues(name, value, properties)));

function columnValues(
  name: string,
  value: unknown,
  properties: Readonly<Record<string, EntityProperty>>,
): [string, unknown][] {
  const property = Object.hasOwn(properties, name) ? (properties[name] as EntityProperty) : undefined;
  if (property?.kind !== ReferenceKind.EMBEDDED || property.object || isRaw(value)) {
    return [[property?.name ?? name, value]];
  }
  return value === null
    ? columnsOf(property).map((column) => [column, null])
    : Object.entries(value as Values)
        .filter(([, part]) => part !== undefined)
        .flatMap(([part, inner]) => columnValues(part, inner, property.embeddedProps));
}
