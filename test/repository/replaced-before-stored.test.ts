import { type Collection, defineEntity, type EntityClass, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { EntityNotFoundError } from '../../src/index.js';
import { PrefixedKey } from '../support/kinds/keys.js';
import { forEachPlace, modes } from '../support/kinds/place.js';
import { rejection } from '../support/rejection.js';

interface Child {
  text: string;
}

interface Owner {
  id: number;
  children: Collection<Child>;
}

const kinds = (
  [
    ['that the database gives', { id: p.integer().primary() }, () => ({})],
    ['of its own', { id: p.string().primary() }, (n) => ({ id: `own ${n}` })],
    [
      'of a custom type',
      { id: p.type(PrefixedKey).$type<string>().primary().autoincrement(false) },
      (n) => ({ id: `cus_${n}` }),
    ],
    ['of two parts', { a: p.string().primary(), b: p.integer().primary() }, (n) => ({ a: 'a', b: n })],
  ] as const satisfies readonly (readonly [string, object, (n: number) => object])[]
).map(([kind, key, keyOf], index) => {
  const OwnerSchema = defineEntity({
    name: `Owner${index}`,
    tableName: `owner${index}`,
    properties: {
      id: p.integer().primary(),
      children: () =>
        p
          .oneToMany(ChildClass)
          .mappedBy('owner' as never)
          .orphanRemoval(),
    },
  });
  const OwnerClass = class extends OwnerSchema.class {};
  OwnerSchema.setClass(OwnerClass);
  const ChildSchema = defineEntity({
    name: `Child${index}`,
    tableName: `child${index}`,
    properties: { ...(key as { id: never }), text: p.string(), owner: () => p.manyToOne(OwnerClass) },
  });
  const ChildClass: EntityClass<object> = class extends (ChildSchema.class as unknown as new () => object) {};
  ChildSchema.setClass(ChildClass as never);
  const child = (n: number) => ({ ...keyOf(n), text: `child ${n}` });
  return {
    kind,
    table: `child${index}`,
    owner: OwnerClass as unknown as EntityClass<Owner>,
    entity: ChildClass,
    child,
  };
});

describe('promise 3: children with a key', () => {
  forEachPlace(
    kinds.flatMap(({ owner, entity }) => [owner, entity]),
    (place, engine) => {
      for (const { kind, table, owner, child } of kinds) {
        for (const mode of modes) {
          it(`${kind} that leave a collection before they were stored have no rows to be missed, ${mode}`, async () => {
            await place.run(mode, owner, async (owners) => {
              const created = await owners.create({ id: 1, children: [child(1)] } as never);
              await owners.update(created, { children: [child(2)] } as never);
              await owners.update(1 as never, { children: [child(3)] } as never);
            });
            expect(await place.rows(`select text from ${table}`)).to.deep.equal([{ text: 'child 3' }]);
          });
        }

        // in a unit on PGlite, nobody else could delete anything: it is one connection
        if (engine === 'postgresql') {
          it(`${kind} that leave a collection after another one has deleted their rows are missed`, async () => {
            await place.run('in a unit', owner, (owners) => owners.create({ id: 1, children: [child(1)] } as never));
            const failed = place.run('in a unit', owner, async (owners) => {
              const [held] = (await owners.list({}, { populate: ['children'] as never })) as [Owner];
              await place.rows(`delete from ${table}`);
              held.children.removeAll();
            });
            expect(await rejection(failed)).to.be.instanceOf(EntityNotFoundError);
          });
        }
      }
    },
  );
});
