BEGIN TRANSACTION;
CREATE TABLE about (
	"key" VARCHAR(40) NOT NULL, 
	value VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "about" VALUES('format','4');
CREATE TABLE events (
	sweep VARCHAR(40) NOT NULL, 
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	body TEXT NOT NULL, 
	crc BIGINT NOT NULL, 
	PRIMARY KEY (sweep, seq)
);
INSERT INTO "events" VALUES('s1',0,1780000000.0,'launched','{"sweep":"s1","name":"digits","spec":{"space":{"lr":{"float":[0.001,0.1],"log":true},"optimizer":{"choice":[{"sgd":{"momentum":{"float":[0.0,0.9]}}},{"adam":{}}]}},"objectives":[{"metric":"val_accuracy","mode":"max","ties":"loss"}],"budget":{"epochs":3,"trials":3},"sampler":{"name":"random","options":{}},"scheduler":{"name":"asha","options":{"eta":3}},"seed":0,"retries":{"timeout":0,"hang":1,"preempted":100,"bug":0,"bad_value":0,"out_of_memory":1,"node_lost":3,"storage":1},"start":[],"constraints":[],"repeats":false,"prior":[]},"details":{"versions":{"lanewise":"before format 3"}}}',3157816927);
INSERT INTO "events" VALUES('s1',1,1780000000.0,'opened','{"executor":"inline","why":"asked for","details":{}}',3654403603);
INSERT INTO "events" VALUES('s1',2,1780000000.0,'asked','{"number":0,"params":{"lr":0.01878985266149949,"optimizer":{"name":"adam"}},"until":1,"rungs":[1,3]}',669972765);
INSERT INTO "events" VALUES('s1',3,1780000000.0,'reported','{"number":0,"rows":[[1,{"val_accuracy":0.599,"val_loss":0.8}]],"decision":{"continue":3}}',2213968733);
INSERT INTO "events" VALUES('s1',4,1780000000.0,'asked','{"number":1,"params":{"lr":0.06018351965254263,"optimizer":{"name":"adam"}},"until":1,"rungs":[1,3]}',756498653);
INSERT INTO "events" VALUES('s1',5,1780000000.0,'reported','{"number":1,"rows":[[1,{"val_accuracy":0.595,"val_loss":0.9}]],"decision":{"stop":"rung 1"}}',86295194);
INSERT INTO "events" VALUES('s1',6,1780000000.0,'noted','{"topic":"packing","text":"up to 8 lanes a worker"}',764857050);
INSERT INTO "events" VALUES('s1',7,1780000000.0,'asked','{"number":2,"params":{"lr":0.001450935405253144,"optimizer":{"name":"sgd","momentum":0.5411602856139893}},"until":1,"rungs":[1,3]}',2595517756);
INSERT INTO "events" VALUES('s1',8,1780000000.0,'reported','{"number":2,"rows":[[1,{"val_accuracy":0.598,"val_loss":0.85}]],"decision":{"stop":"rung 1"}}',832895705);
INSERT INTO "events" VALUES('s1',9,1780000000.0,'reported','{"number":0,"rows":[[2,{"val_accuracy":0.699,"val_loss":0.7}],[3,{"val_accuracy":0.799,"val_loss":0.6}]],"decision":{"stop":"finished"}}',3545933647);
INSERT INTO "events" VALUES('s1',10,1780000000.0,'closed','{"status":"done","reason":"trials"}',762466233);
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	sweep VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_requests_sweep ON requests (sweep);
COMMIT;
