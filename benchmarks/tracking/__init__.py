"""MLflow's page on stores of a hundred runs and of a thousand."""
