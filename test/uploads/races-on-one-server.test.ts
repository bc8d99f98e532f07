import { describeRaces } from './races.ts';

describeRaces('on one server', 1);
