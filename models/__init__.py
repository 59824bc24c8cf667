"""What a model is: predict, calibrate, explain, bundle, registry."""
