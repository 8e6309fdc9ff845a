await new Promise((resolve) => setTimeout(resolve, 50));
throw new Error('too late');
