"""Where read models live: generation tables behind a view, exact types, keys, and the store that writes them."""
