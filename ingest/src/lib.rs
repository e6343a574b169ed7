//! The sources: CSV files, CRM webhooks, sample traffic.
