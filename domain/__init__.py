"""What the city decides: rules, queries and actions. Knows no HTTP, GraphQL, clock or environment."""
