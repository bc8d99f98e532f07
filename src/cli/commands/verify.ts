import type { Command } from 'commander';
import { clientCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { VerifyReceiptOptions } from '../run-verify.ts';

/** `artifortress verify`: with the keys at hand, without a server. */
export function verifyCommand(context: CliContext): Command {
  return clientCommand(
    'verify',
    'Check that a file is exactly what a repository holds, or what a custody receipt was given for.',
    [
      'artifortress verify app.tar --repo libs',
      'artifortress blob receipt libs/9f86d081884c7d65… > app.tar.receipt',
      'artifortress keys --json > keys.json',
      'artifortress verify app.tar --receipt app.tar.receipt --keys keys.json',
    ],
  )
    .argument('<file>', 'the file')
    .option('-r, --repo <repository>', 'ask the server: these very bytes, and their receipt, have to be there')
    .option('--receipt <file>', 'its receipt, with the keys at hand no server is asked')
    .option('--keys <file>', 'the keys that you trust; without it the server is asked for its own')
    .addHelpText(
      'after',
      '\nIt ends with 0 where the file is the one, with 5 where it is another, with 1 where the receipt is not good.',
    )
    .action(async (file: string, options: VerifyReceiptOptions) => {
      const { runVerifyReceipt } = await import('../run-verify.ts');
      context.exitCode = await runVerifyReceipt(context, file, options);
    });
}
