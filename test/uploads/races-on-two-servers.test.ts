import { describeRaces } from './races.ts';

describeRaces('on two servers of one database and one folder', 2);
