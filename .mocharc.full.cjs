// `npm run test:full`: the slow proofs, too, and random tests with new seeds unless CI asks for the same ones each time.
process.env.TESTS = 'full';
module.exports = require('./.mocharc.cjs');
