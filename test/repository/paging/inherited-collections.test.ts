import { defineEntity, p } from '@mikro-orm/core';
import { expect } from 'chai';
import { forEachPlace, modes } from '../../support/kinds/place.js';

const LabelSchema = defineEntity({ name: 'FolkLabel', properties: { id: p.integer().primary(), text: p.string() } });
class FolkLabel extends LabelSchema.class {}
LabelSchema.setClass(FolkLabel);

const FolkSchema = defineEntity({
  name: 'Folk',
  discriminatorColumn: 'kind',
  discriminatorValue: 'folk',
  properties: {
    id: p.integer().primary(),
    kind: p.string(),
    name: p.string(),
    labels: () => p.manyToMany(FolkLabel),
  },
});
class Folk extends FolkSchema.class {}
FolkSchema.setClass(Folk);

const GiantSchema = defineEntity({
  name: 'Giant',
  extends: FolkSchema,
  discriminatorValue: 'giant',
  properties: { size: p.integer().nullable() },
});
class Giant extends GiantSchema.class {}
GiantSchema.setClass(Giant);

const ids = (entities: readonly object[]): number[] => entities.map((entity) => (entity as { id: number }).id);

describe('promise 23: single-table inheritance along a collection', () => {
  forEachPlace([Folk, Giant, FolkLabel], (place) => {
    beforeEach(async () => {
      await place.rows(`insert into folk_label (id, text) values (1, 'x'), (2, 'xy')`);
      await place.rows(
        `insert into folk (id, kind, name, size) select i, case when i > 3 then 'giant' else 'folk' end, 'n' || i % 2, i from generate_series(1, 6) as i`,
      );
      await place.rows(
        'insert into folk_labels (folk_id, folk_label_id) select i, l from generate_series(1, 5) as i, generate_series(1, 2) as l',
      );
    });

    for (const mode of modes) {
      for (const { entity, fits } of [
        { entity: Folk, fits: [2, 4, 1, 3, 5] },
        { entity: Giant, fits: [4, 5] },
      ]) {
        it(`${mode}: page, stream and inBatches of ${entity.name} give each row once`, async () => {
          const filter = { labels: { text: { $like: 'x%' } } } as never;
          const orderBy = { name: 'asc' } as never;
          await place.run(mode, entity as typeof Folk, async (repository) => {
            const first = await repository.page(filter, { first: 1, orderBy });
            const after = first.endCursor as string;
            const rest = await repository.page(filter, { first: 9, after, orderBy });
            expect(ids([...first.items, ...rest.items])).to.deep.equal(fits);

            const streamed: object[] = [];
            for await (const each of repository.stream(filter, { orderBy })) {
              streamed.push(each);
            }
            expect(ids(streamed)).to.deep.equal(fits);

            const worked: object[] = [];
            await repository.inBatches(filter, { size: 2, orderBy }, (batch) => {
              worked.push(...batch);
            });
            expect(ids(worked)).to.deep.equal(fits);
          });
        });
      }
    }
  });
});
