import { expect } from 'chai';
import { ConfigurationError, only, onlyOrder } from '../../src/index.js';
import { forEachShop } from './shop-database.js';

describe('only() with operators', () => {
  it('promise 31: lets through the operators that each field is given, and equality as a plain value', () => {
    const body = { name: 'Ada', balance: { $gte: 1, $lte: 2 }, secret: { $like: 'h%' }, $or: [{ id: 1 }] };
    expect(only(body, { name: ['$eq', '$like'], balance: ['$gte', '$lte'] })).to.deep.equal({
      name: { $eq: 'Ada' },
      balance: { $gte: 1, $lte: 2 },
    });
  });

  it('promise 31: refuses other operators, shapes and values', () => {
    const wrong: readonly unknown[] = [
      { name: { $ne: 'x' } },
      { name: { $or: [] } },
      { name: {} },
      { name: [] },
      { name: ['Ada'] },
      { name: { $eq: ['Ada'] } },
      { name: { $eq: { $ne: 1 } } },
      { name: { $like: 5 } },
      { name: { $like: ['%'] } },
      { name: { $in: 'Ada' } },
      { name: { $in: [] } },
      { name: { $in: [['Ada']] } },
      { name: { $in: [{ $ne: 1 }] } },
      { name: { $in: Array.from({ length: 101 }, () => 'x') } },
      { name: 'a\0' },
      { name: { $in: ['a\0'] } },
      { name: '\ud800' },
      { name: Number.POSITIVE_INFINITY },
      { name: JSON.parse('{"$eq": 1e400}') },
      { name: Number.NaN },
      { name: new Date(Number.NaN) },
      { name: JSON.parse('{"__proto__": {"$eq": 1}}') },
      { name: { toString: 'x' } },
    ];
    for (const body of wrong) {
      expect(() => only(body, { name: ['$eq', '$like', '$in'] }), JSON.stringify(body)).to.throw(ConfigurationError);
    }
    expect(() => only({ name: { $in: [1, 2, 3] } }, { name: ['$in'] }, { items: 2 })).to.throw(ConfigurationError);
    expect(() => only({ name: 'x' }, { name: ['$where' as never] })).to.throw(ConfigurationError);
    expect(() => only({ $or: [] }, { $or: ['$eq'] })).to.throw(ConfigurationError);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 'a\0', '\ud800', new Date(Number.NaN)]) {
      expect(() => only({ name: value }, ['name']), String(value)).to.throw(ConfigurationError);
    }
  });

  it('promise 31: escapes patterns unless asked not to', () => {
    expect(only({ name: { $like: '50%_\\' } }, { name: ['$like'] })).to.deep.equal({ name: { $like: '50\\%\\_\\\\' } });
    expect(only({ name: { $like: 'A%' } }, { name: ['$like'] }, { patterns: true })).to.deep.equal({
      name: { $like: 'A%' },
    });
  });

  it('promise 31: onlyOrder() takes the fields that are named, each once, in the order of the input', () => {
    const fields = ['name', 'id'] as const;
    expect(onlyOrder({ id: 'DESC', name: 'asc', secret: 'asc' }, fields)).to.deep.equal([
      { id: 'desc' },
      { name: 'asc' },
    ]);
    expect(onlyOrder([{ name: 'desc' }, { name: 'asc' }], fields)).to.deep.equal([{ name: 'desc' }]);
    expect(onlyOrder(undefined, fields)).to.deep.equal([]);
    for (const wrong of [
      'name',
      1,
      [1],
      [[{ name: 'asc' }]],
      { name: 'asc; --' },
      { name: ' asc' },
      { name: { $ne: 1 } },
      { id: 1 },
      new Array(5),
    ]) {
      expect(() => onlyOrder(wrong, fields), JSON.stringify(wrong)).to.throw(ConfigurationError);
    }
  });

  forEachShop((shop) => {
    it('promise 31: finds what was asked for, and no pattern of the sender', async () => {
      const names = async (body: unknown) =>
        shop.use('in a unit', async ({ members }) => {
          const filter = only(body, { name: ['$eq', '$like', '$in'], balance: ['$gte', '$lte'] });
          const found = await members.list(filter as never, { orderBy: onlyOrder({ id: 'desc' }, ['id']) as never });
          return found.map(({ name }) => name);
        });
      expect(await names({ name: 'Ada' })).to.deep.equal(['Ada']);
      expect(await names({ name: { $in: ['Ada', 'Bob'] } })).to.deep.equal(['Bob', 'Ada']);
      expect(await names({ balance: { $gte: 10, $lte: 20 }, secret: 'x' })).to.deep.equal(['Bob', 'Ada']);
      expect(await names({ name: { $like: '%' } })).to.deep.equal([]);
      expect(await names({ name: { $like: 'Ada' } })).to.deep.equal(['Ada']);
    });
  });
});
