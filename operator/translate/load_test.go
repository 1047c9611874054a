package translate

import "testing"

func TestLoad(t *testing.T) {
	for _, row := range []struct {
		name     string
		options  map[string]string
		want     LoadSettings
		warnings []string
		errors   []string
	}{
		{name: "nothing"},
		{name: "all", options: map[string]string{"bytesPerSecond": "100Mi", "metadataOnly": "true", "publishNative": "false"}, want: LoadSettings{BytesPerSecond: 100 << 20, MetadataOnly: true}},
		{name: "native", options: map[string]string{"publishNative": "true"}, want: LoadSettings{PublishNative: true}},
		{name: "mistyped", options: map[string]string{"bytesPerSecnd": "1", "timeout": "5s"}, warnings: []string{
			"spec.options[bytesPerSecnd] has no effect here: it is not known (did you mean 'bytesPerSecond'?)",
			"spec.options[timeout] has no effect here: it is not known; known: bytesPerSecond, metadataOnly, publishNative"}},
		{name: "wrong", options: map[string]string{"bytesPerSecond": "100MB/s", "metadataOnly": "yes"}, errors: []string{
			`spec.options[bytesPerSecond]: Invalid value: "100MB/s"`, "spec.options[metadataOnly]: Invalid value: \"yes\": is neither true nor false"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, warnings, errs := Load(row.options)
			expectMessages(t, warnings, errs, row.warnings, row.errors)
			if len(row.errors) == 0 && got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}
