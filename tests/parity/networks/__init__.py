"""Networks of systems that are not built yet, so that their cases run through what is shared; they move there as they are."""
