import { expect } from 'chai';
import type { Author } from '../library.js';
import { forEachLibrary } from '../library-database.js';

/** What work does to the city that the batches are ordered by. */
const changes: Readonly<Record<string, (author: Author, others: () => Promise<unknown>) => unknown>> = {
  'raises it': (author) => Object.assign(author.home as object, { city: `z${author.id}` }),
  'lowers it': (author) => Object.assign(author.home as object, { city: `a${author.id}` }),
  'takes it away': (author) => {
    author.home = null;
  },
  'changes that of every row': (_author, others) => others(),
};

describe('promise 23: each row once in batches, though the work changes what they are ordered by', () => {
  forEachLibrary((library) => {
    beforeEach(async () => {
      await library.rows(`insert into author (name, home_city)
        select 'n' || i, case when i % 4 > 0 then 'm' || i % 3 end from generate_series(1, 11) as i`);
      library.forget();
    });

    for (const [what, change] of Object.entries(changes)) {
      for (const direction of ['asc', 'desc'] as const) {
        it(`which ${what}, ${direction}`, async () => {
          const seen: number[] = [];
          await library.run(async ({ authors }) => {
            let round = 0;
            await authors.inBatches({}, { size: 3, orderBy: { home: { city: direction } } }, async (batch) => {
              for (const author of batch) {
                seen.push(author.id);
                if (author.home) {
                  await change(author, async () => {
                    round += 1;
                    await authors.updateMany({}, { home: { city: `${'az'[round % 2]}${round}` } } as never, {
                      all: true,
                    });
                  });
                }
              }
            });
          });
          expect([...seen].sort((one, other) => one - other)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        });
      }
    }

    it('which deletes some, and makes others fit no more', async () => {
      const seen: number[] = [];
      await library.run(async ({ authors }) => {
        await authors.inBatches({ name: { $like: 'n%' } }, { size: 2, orderBy: { name: 'desc' } }, async (batch) => {
          seen.push(...batch.map(({ id }) => id));
          if (seen.length === 2) {
            await authors.deleteMany({ id: [7, 6] });
            await authors.updateMany({ id: 5 }, { name: 'other' });
          }
        });
      });
      expect(seen).to.deep.equal([9, 8, 4, 3, 2, 11, 10, 1]);
    });

    it('as a stream, whose loop changes it', async () => {
      const seen: number[] = [];
      await library.run(async ({ authors }) => {
        for await (const author of authors.stream({}, { orderBy: { home: { city: 'asc' } }, chunkSize: 2 })) {
          seen.push(author.id);
          await authors.update(author.id, { home: { city: `z${author.id}` } });
        }
      });
      expect([...seen].sort((one, other) => one - other)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    });

    it('reads the keys first, in one statement, and then a statement for each batch', async () => {
      await library.run(({ authors }) => authors.inBatches({}, { size: 6, orderBy: { name: 'asc' } }, () => undefined));
      const [keys, ...batches] = library.sql();
      expect(keys).to.equal(
        'select "a0"."id", cast("a0"."name" as pg_catalog.text) as "position$0", cast("a0"."id" as pg_catalog.text) as "position$1" from "author" as "a0" order by "a0"."name" asc, "a0"."id" asc',
      );
      expect(batches).to.have.length(2);
      expect(batches[1]).to.include(`where ("a0"."id" in ('5', '6', '7', '8', '9'))`);
    });
  });
});
