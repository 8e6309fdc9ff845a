throw new Error('no database here\nsecond line');
